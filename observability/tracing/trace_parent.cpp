#include "observability/tracing/trace_parent.hpp"

#include <algorithm>
#include <optional>

namespace actord {

namespace {

constexpr size_t known_length = 55, state_limit = 512;

std::optional<uint64_t> number(std::string_view digits) {
  uint64_t result = 0;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0)
      return std::nullopt;
    result = result << 4 | static_cast<uint64_t>(digit);
  }
  return result;
}

bool is_state(std::string_view text) {
  return text.size() <= state_limit
         && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

} // namespace

std::shared_ptr<const trace_parent>
parse_trace_parent(std::string_view traceparent, std::string_view tracestate) {
  if (traceparent.size() < known_length || traceparent[2] != '-' || traceparent[35] != '-'
      || traceparent[52] != '-')
    return nullptr;
  const auto version = number(traceparent.substr(0, 2));
  const auto high = number(traceparent.substr(3, 16)), low = number(traceparent.substr(19, 16));
  const auto span = number(traceparent.substr(36, 16)), flags = number(traceparent.substr(53, 2));
  if (!version || !high || !low || !span || !flags || *version == 0xFF || *span == 0
      || (*high | *low) == 0)
    return nullptr;
  const bool longer = traceparent.size() > known_length;
  if (longer && (*version == 0 || traceparent[known_length] != '-'))
    return nullptr;
  trace_parent result{{*high, *low}, *span, (*flags & 1) != 0, {}};
  if (is_state(tracestate))
    result.state = tracestate;
  return std::make_shared<const trace_parent>(std::move(result));
}

} // namespace actord
