// Leaves a store that fails alone for a while.
#pragma once

#include "storage/l1_index.hpp"

#include <algorithm>
#include <cstdint>

namespace actord {

struct breaker_options {
  uint32_t failures = 3; // in a row, that open it
  time_ms cooldown_ms = 5'000, max_cooldown_ms = 300'000;
  time_ms latency_limit_ms = 0; // a task that takes longer counts as failed; 0: none does
};

/// Closed: every task may go. Open: none, until the cooldown is over; then one at a time, whose
/// success closes it and whose failure doubles the cooldown. Plain data; time is passed in.
class breaker {
public:
  explicit breaker(breaker_options options = {})
    : options_(options), cooldown_ms_(options.cooldown_ms) {
  }

  /// Whether a task might go now.
  bool would_admit(time_ms now) const noexcept {
    return !open_ || (!probing_ && now >= retry_ms_);
  }

  /// Whether a task may go now. Each that goes is `ended`.
  bool admit(time_ms now) {
    const bool may = would_admit(now);
    probing_ |= open_ && may;
    return may;
  }

  void ended(bool well, time_ms took_ms, time_ms now) {
    const bool slow = options_.latency_limit_ms > 0 && took_ms > options_.latency_limit_ms;
    if (well && !slow)
      succeed();
    else
      fail(now);
  }

  bool open() const noexcept {
    return open_;
  }
  /// Open, and one task finds out.
  bool probing() const noexcept {
    return probing_;
  }
  uint64_t times_opened() const noexcept {
    return times_opened_;
  }

private:
  void succeed() {
    // A task from before it opened says nothing about now.
    if (open_ && !probing_)
      return;
    open_ = probing_ = false;
    in_a_row_ = 0;
    cooldown_ms_ = options_.cooldown_ms;
  }

  void fail(time_ms now) {
    if (open_ && !probing_)
      return;
    if (open_)
      cooldown_ms_ = std::min(2 * cooldown_ms_, options_.max_cooldown_ms);
    else if (++in_a_row_ < options_.failures)
      return;
    times_opened_ += open_ ? 0 : 1;
    open_ = true;
    probing_ = false;
    retry_ms_ = now + cooldown_ms_;
  }

  breaker_options options_;
  bool open_ = false, probing_ = false;
  uint32_t in_a_row_ = 0;
  time_ms cooldown_ms_, retry_ms_ = 0;
  uint64_t times_opened_ = 0;
};

} // namespace actord
