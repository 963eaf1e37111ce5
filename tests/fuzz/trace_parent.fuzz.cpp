// The trace that a client names: traceparent, a line end, tracestate.
#include "observability/tracing/trace_parent.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace actord;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto end = std::min(text.find('\n'), text.size());
  const auto parent
    = parse_trace_parent(text.substr(0, end), text.substr(std::min(end + 1, text.size())));
  if (!parent)
    return 0;
  if (parent->trace == trace_id{} || parent->span == 0 || parent->state.size() > 512)
    std::abort();
  // What was read is what was written.
  if (text.substr(3, 32) != hex(parent->trace) || text.substr(36, 16) != hex(parent->span))
    std::abort();
  for (char each : parent->state)
    if (each < ' ' || each > '~')
      std::abort(); // it becomes a protobuf string
  return 0;
}
