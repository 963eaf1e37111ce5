// Log records as requests to an OTLP receiver.
#pragma once

#include "observability/otlp/request.hpp"
#include "observability/process_metrics.hpp"
#include "observability/tracing/span.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace actord::otlp {

/// OTLP's numbers of the daemon's levels (spec observability §7.2).
enum class severity : int32_t { debug = 5, info = 9, warning = 13, error = 17, critical = 21 };

/// The word that the daemon's own log has for a level.
std::string_view to_string(severity level);

struct log_record {
  int64_t time_ns = 0; // since 1970
  severity level = severity::info;
  std::string body;
  std::string logger;                     // who says it
  std::string request_id;                 // "": of no request
  std::optional<span_context> trace = {}; // of that request, where it is traced
};

requests encode_logs(std::span<const log_record> records, const resource_attributes& resource,
                     size_t limit_bytes = request_limit_bytes);

} // namespace actord::otlp
