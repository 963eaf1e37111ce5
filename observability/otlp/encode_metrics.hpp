// Metrics as requests to an OTLP receiver.
#pragma once

#include "observability/metric_registry.hpp"
#include "observability/otlp/request.hpp"
#include "observability/process_metrics.hpp"

#include <cstdint>
#include <span>

namespace actord::otlp {

/// Where the values come from. Times are nanoseconds since 1970.
struct metrics_origin {
  resource_attributes resource;
  /// When every counter was 0: the start of the daemon.
  int64_t start_ns = 0;
  /// Which instruments go out; aliases only where their name differs (spec observability §2.5).
  metric_names names = metric_names::all;
};

/// One scrape as cumulative values. Counters are integers where they count things, histograms say
/// neither minimum nor maximum, for nobody keeps them (spec observability §7.2).
/// @param now_ns when they were read
requests encode_metrics(std::span<const metric_reading> readings, const metrics_origin& origin,
                        int64_t now_ns, size_t limit_bytes = request_limit_bytes);

} // namespace actord::otlp
