// Keeps what outside input can cause from flooding the log.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace actord {

/// Lets one line a second through and counts the others. Any thread.
class log_limit {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Returns what to add to the line: how many were left out before it. Nothing: not now.
  std::optional<std::string> admit(time_point now) {
    const auto now_ns = now.time_since_epoch().count() + 1; // 0 stands for never
    auto last = last_.load(std::memory_order_relaxed);
    if ((last != 0 && now_ns - last < gap.count())
        || !last_.compare_exchange_strong(last, now_ns, std::memory_order_relaxed)) {
      left_out_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    const auto count = left_out_.exchange(0, std::memory_order_relaxed);
    return count == 0 ? std::string{}
                      : " (" + std::to_string(count) + " more since the last such line)";
  }

private:
  static constexpr std::chrono::nanoseconds gap = std::chrono::seconds(1);

  std::atomic<int64_t> last_ = 0;
  std::atomic<uint64_t> left_out_ = 0;
};

} // namespace actord
