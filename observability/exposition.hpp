// Metrics as the text that scrapers read.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// Prometheus text 0.0.4, text 1.0.0 (the same text: all names are plain), OpenMetrics 1.0.0.
enum class exposition_format { text_0_0_4, text_1_0_0, open_metrics };

/// The Content-Type header of an answer in this format.
std::string_view content_type_of(exposition_format format);

/// Writes all samples; labels sorted with `le` among them, buckets cumulative up to +Inf.
/// OpenMetrics drops _total from the family names of counters, names units, and ends in # EOF.
/// Source: spec observability §2.1.
std::string
exposition(const std::vector<prometheus::MetricFamily>& families, exposition_format format);

} // namespace actord
