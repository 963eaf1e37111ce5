// The trace that a client's request belongs to already (W3C Trace Context).
#pragma once

#include "observability/tracing/span.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace actord {

struct trace_parent {
  trace_id trace; // never zero
  span_id span = 0;
  bool sampled = false;
  std::string state; // tracestate as sent; "": none
};

/// Reads `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, lower case; later versions too, as
/// far as they begin alike. A wrong tracestate is left out.
/// @return null when it is none: the request then begins its own trace
std::shared_ptr<const trace_parent>
parse_trace_parent(std::string_view traceparent, std::string_view tracestate);

} // namespace actord
