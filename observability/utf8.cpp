#include "observability/utf8.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Length of the well-formed sequence at the beginning of a text; 0: there is none.
size_t sequence_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto continues = [&](size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const auto first = byte(0);
  if (first < 0x80)
    return 1;
  if (first >= 0xC2 && first <= 0xDF)
    return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const auto low = first == 0xE0 ? 0xA0u : 0x80u;  // no overlong forms
    const auto high = first == 0xED ? 0x9Fu : 0xBFu; // no surrogates
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const auto low = first == 0xF0 ? 0x90u : 0x80u;
    const auto high = first == 0xF4 ? 0x8Fu : 0xBFu;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

} // namespace

std::string utf8(std::string_view text) {
  // A scrape asks for every label, and nearly all are ASCII.
  if (std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; }))
    return std::string{text};
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto length = sequence_length(text);
    result += length > 0 ? text.substr(0, length) : replacement;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

} // namespace actord
