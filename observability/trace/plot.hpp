// Draws what a replay measured.
#pragma once

#include "observability/trace/replay_stats.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace actord::trace {

/// Samples by time, in so many columns at most that drawing them costs no memory to speak of.
class plot {
public:
  static constexpr size_t max_columns = 240;

  /// @param at seconds, or the record's number where the samples have no time; never goes back
  void add(const replay_sample& sample, double at);

  /// One SVG without references to anything else: hit rate of lookups, latency (median and largest)
  /// and use of L1, each over time, in colours that fit a light and a dark page.
  /// @param by_time false: the axis counts records
  std::string svg(std::string_view title, bool by_time) const;

private:
  struct column {
    uint64_t wanted = 0, hits = 0;
    std::vector<float> latencies_ms; // at most `max_latencies`, then every other one is left out
    uint32_t keep_every = 1, seen = 0;
    float most_ms = 0;
    double used_share = -1; // of L1; < 0: unknown
  };

  void halve();
  static void merge(column& into, const column& from);
  static void thin(column& what);

  std::vector<column> columns_;
  double width_ = 0; // of a column; 0: not known yet
  double last_ = 0;
};

} // namespace actord::trace
