// Traffic between engines and L1 in figures, for the log (spec observability §4.7).
#pragma once

#include "observability/bounded_table.hpp"
#include "observability/event.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace actord {

/// Sums stores and retrieves per device and says from time to time, with the next event, what came
/// together since the last time and since the start. Knows the time from the events.
class extra_stats {
public:
  static constexpr double pending_limit_s = 60;
  static constexpr size_t max_pending = 65536;

  /// @param interval_s seconds between the lines, > 0
  explicit extra_stats(double interval_s, size_t pending = max_pending);

  /// The lines that are due, in their order; mostly none.
  /// @param what an l1_eviction_loop_tick, or the start or end of a store or retrieve
  std::vector<std::string> take(const event& what);

  /// Copies that have begun and not ended.
  size_t pending() const noexcept {
    return starts_.size();
  }

private:
  // A copy's speed is known when both its ends are.
  struct way_sums {
    uint64_t operations = 0, tokens = 0, bytes = 0;
    double timed_bytes = 0, timed_s = 0;

    void add(const way_sums& other);
    std::string text() const;
  };
  struct device_sums {
    way_sums stores, retrieves;

    std::string text() const;
  };
  using sums_by_device = std::map<std::string, device_sums>;

  void count(const event& what, bool store);
  void flush(double now, std::vector<std::string>& to);

  double interval_s_;
  std::optional<double> flushed_s_, usage_said_s_;
  sums_by_device window_, total_;
  bounded_table<std::string, double> starts_;
};

} // namespace actord
