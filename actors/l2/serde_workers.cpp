#include "actors/l2/serde_workers.hpp"

#include <utility>

namespace actord {

serde_workers::serde_workers(const serde& of, uint32_t count) {
  try {
    for (uint32_t i = 0; i < count; ++i) {
      lanes_.push_back(of.open_lane());
      threads_.emplace_back([this, lane = lanes_.back().get()] { run(*lane); });
    }
  } catch (...) {
    end();
    throw;
  }
}

serde_workers::~serde_workers() {
  end();
}

void serde_workers::end() {
  {
    std::lock_guard lock{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

void serde_workers::post(job what) {
  // Notified under the lock: with its job done, the workers may end before this returns.
  std::lock_guard lock{mutex_};
  jobs_.push_back(std::move(what));
  changed_.notify_one();
}

void serde_workers::run(serde_lane& lane) {
  std::unique_lock lock{mutex_};
  while (true) {
    changed_.wait(lock, [this] { return ends_ || !jobs_.empty(); });
    if (jobs_.empty())
      return;
    auto next = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    next(lane);
    next = nullptr;
    lock.lock();
  }
}

} // namespace actord
