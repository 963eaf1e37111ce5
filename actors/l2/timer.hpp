// Things that stores which only pretend do later.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

namespace actord {

/// A clock, and calls once it has reached a time. Tests turn one by hand.
class l2_timer {
public:
  using clock = std::chrono::steady_clock;
  using time = clock::time_point;

  virtual ~l2_timer() = default;
  /// Any thread.
  virtual time now() const = 0;
  /// Calls `what` once `when` has come, earliest first, on the timer's thread, never from within
  /// this call unless the timer ends. Each is called exactly once: a timer that ends calls the rest
  /// at once. Any thread.
  virtual void at(time when, std::function<void()> what) = 0;
  /// The timer for what it calls to go on with: owns no thread, so that it may be held there. Once
  /// the timer has ended, this calls at once.
  virtual std::shared_ptr<l2_timer> handle() = 0;
};

/// How long calls of a store may take, ms (l2_adapter_options).
struct l2_time_limits {
  int64_t store_ms = 30'000, load_ms = 30'000;
  int64_t lookup_ms = 10'000; // of probe and erase
};

/// On a thread of its own. Throws std::system_error when there can be none.
class timer_thread final : public l2_timer {
public:
  timer_thread();
  ~timer_thread() override;
  timer_thread(const timer_thread&) = delete;
  timer_thread& operator=(const timer_thread&) = delete;

  time now() const override {
    return clock::now();
  }
  void at(time when, std::function<void()> what) override;
  std::shared_ptr<l2_timer> handle() override;

private:
  class queue;
  std::shared_ptr<queue> queue_; // shared with the thread: what it calls may end the timer
  std::thread thread_;
};

} // namespace actord
