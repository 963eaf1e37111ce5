// Calls from many threads, one at a time.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace actord {

/// Runs what it is given in that order, never two at once, on whichever thread came first. What
/// runs may hand in more, which runs after it: nothing is ever entered twice. For calls that do not
/// block. Holds as many as are handed in while one runs.
class call_line {
public:
  void run(std::function<void()> what) {
    std::unique_lock lock{mutex_};
    waiting_.push_back(std::move(what));
    if (busy_)
      return;
    busy_ = true;
    while (!waiting_.empty()) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      next();
      next = nullptr;
      lock.lock();
    }
    busy_ = false;
  }

private:
  std::mutex mutex_;
  std::deque<std::function<void()>> waiting_;
  bool busy_ = false;
};

} // namespace actord
