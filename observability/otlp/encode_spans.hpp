// Spans as requests to an OTLP receiver.
#pragma once

#include "observability/otlp/request.hpp"
#include "observability/process_metrics.hpp"
#include "observability/tracing/span.hpp"

#include <cstddef>
#include <span>
#include <string>

namespace actord::otlp {

/// @param batch spans in one request, > 0
requests encode_spans(std::span<const span_record> spans, const resource_attributes& resource,
                      size_t batch, size_t limit_bytes = request_limit_bytes);

/// An id as OTLP carries it: 8 bytes, most significant first.
std::string id_bytes(uint64_t id);
std::string id_bytes(const trace_id& id);

} // namespace actord::otlp
