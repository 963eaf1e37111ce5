#include "actors/l2/timer.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

namespace actord {

/// What waits. A cycle of owners, queue to call to queue, ends with the thread: it calls the rest.
class timer_thread::queue final : public l2_timer, public std::enable_shared_from_this<queue> {
public:
  time now() const override {
    return clock::now();
  }
  void at(time when, std::function<void()> what) override;
  std::shared_ptr<l2_timer> handle() override {
    return shared_from_this();
  }

  void run();
  void end() {
    {
      std::lock_guard lock{mutex_};
      ends_ = true;
    }
    changed_.notify_all();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<time, std::function<void()>> waiting_; // equal times keep their order
  bool ends_ = false;
};

void timer_thread::queue::at(time when, std::function<void()> what) {
  {
    std::lock_guard lock{mutex_};
    if (!ends_) {
      waiting_.emplace(when, std::move(what));
      what = nullptr;
    }
  }
  if (what)
    what();
  else
    changed_.notify_one();
}

void timer_thread::queue::run() {
  std::unique_lock lock{mutex_};
  while (!ends_ || !waiting_.empty()) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = waiting_.begin();
    if (!ends_ && clock::now() < first->first) {
      const auto when = first->first; // the entry may go while this waits
      changed_.wait_until(lock, when);
      continue;
    }
    auto what = std::move(first->second);
    waiting_.erase(first);
    lock.unlock();
    what();
    what = nullptr; // what it holds goes without the lock
    lock.lock();
  }
}

timer_thread::timer_thread()
  : queue_(std::make_shared<queue>()), thread_([shared = queue_] { shared->run(); }) {
}

timer_thread::~timer_thread() {
  queue_->end();
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

void timer_thread::at(time when, std::function<void()> what) {
  queue_->at(when, std::move(what));
}

std::shared_ptr<l2_timer> timer_thread::handle() {
  return queue_;
}

} // namespace actord
