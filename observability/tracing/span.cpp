#include "observability/tracing/span.hpp"

#include <algorithm>
#include <cmath>

namespace actord {

std::string hex(uint64_t number) {
  std::string result(16, '0');
  for (size_t i = result.size(); i-- > 0; number >>= 4)
    result[i] = "0123456789abcdef"[number & 0xF];
  return result;
}

std::string hex(const trace_id& id) {
  return hex(id.high) + hex(id.low);
}

void span_record::set(std::string_view key, std::string_view text) {
  put(key, std::string{text.substr(0, span_text_limit)});
}

void span_record::set(std::string_view key, int64_t number) {
  put(key, number);
}

void span_record::set(std::string_view key, double number) {
  put(key, number);
}

void span_record::set(std::string_view key, bool truth) {
  put(key, truth);
}

void span_record::put(std::string_view key,
                      std::variant<std::string, int64_t, double, bool> value) {
  auto known = std::ranges::find(attributes, key, &span_attribute::key);
  if (known != attributes.end())
    known->value = std::move(value);
  else if (attributes.size() < span_attribute_limit)
    attributes.push_back({key, std::move(value)});
}

int64_t to_span_ns(double time_s) {
  constexpr double latest_s = 9e9; // far beyond any clock, and no overflow
  if (!(time_s > 0))
    return 0;
  return static_cast<int64_t>(std::trunc(std::min(time_s, latest_s) * 1e9));
}

} // namespace actord
