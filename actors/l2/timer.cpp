#include "actors/l2/timer.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace actord {

struct timer_thread::state {
  std::mutex mutex;
  std::condition_variable changed;
  std::multimap<time, std::function<void()>> waiting; // equal times keep their order
  bool ends = false;
  std::thread thread;

  void run();
};

void timer_thread::state::run() {
  std::unique_lock lock{mutex};
  while (!ends || !waiting.empty()) {
    if (waiting.empty()) {
      changed.wait(lock);
      continue;
    }
    const auto first = waiting.begin();
    if (!ends && clock::now() < first->first) {
      const auto when = first->first; // the entry may go while this waits
      changed.wait_until(lock, when);
      continue;
    }
    auto what = std::move(first->second);
    waiting.erase(first);
    lock.unlock();
    what();
    what = nullptr; // what it holds goes without the lock
    lock.lock();
  }
}

timer_thread::timer_thread() : state_(std::make_shared<state>()) {
  state_->thread = std::thread([shared = state_] { shared->run(); });
}

timer_thread::~timer_thread() {
  std::thread thread;
  {
    std::lock_guard lock{state_->mutex};
    state_->ends = true;
    thread = std::move(state_->thread);
  }
  state_->changed.notify_all();
  if (thread.get_id() == std::this_thread::get_id())
    thread.detach();
  else
    thread.join();
}

void timer_thread::at(time when, std::function<void()> what) {
  {
    std::lock_guard lock{state_->mutex};
    if (!state_->ends) {
      state_->waiting.emplace(when, std::move(what));
      what = nullptr;
    }
  }
  if (what)
    what();
  else
    state_->changed.notify_one();
}

} // namespace actord
