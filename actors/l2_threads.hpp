// Threads for what stores may block in.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace actord {

/// Opens and closes stores, each on a thread of its own: one that hangs holds up nobody. Any thread
/// calls.
class l2_threads : public std::enable_shared_from_this<l2_threads> {
public:
  enum class job {
    may_hang, // nobody waits for it: it is left behind when the daemon ends
    must_end, // the daemon's end waits for it
  };

  virtual ~l2_threads() = default;

  /// Returns false when the system gives no more threads.
  virtual bool run(job kind, std::function<void()> work) {
    if (kind == job::must_end)
      count(1);
    try {
      std::thread{[me = shared_from_this(), kind, work = std::move(work)]() mutable {
        work();
        work = nullptr; // what it owns may take as long
        if (kind == job::must_end)
          me->count(-1);
      }}.detach();
    } catch (const std::system_error&) {
      if (kind == job::must_end)
        count(-1);
      return false;
    }
    return true;
  }

  /// Calls it, unless the daemon has ended: there are no actors any more then.
  bool unless_ended(const std::function<void()>& what) {
    std::lock_guard lock{mutex_};
    if (!ended_)
      what();
    return !ended_;
  }

  /// Waits for what must end; from then on `unless_ended` calls nothing.
  void end() {
    std::unique_lock lock{mutex_};
    none_left_.wait(lock, [this] { return running_ == 0; });
    ended_ = true;
  }

private:
  void count(int change) {
    std::lock_guard lock{mutex_};
    running_ += change;
    none_left_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable none_left_;
  int running_ = 0;
  bool ended_ = false;
};

} // namespace actord
