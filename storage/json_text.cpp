#include "storage/json_text.hpp"

#include "storage/utf8.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>

namespace actord {

namespace {

void append_escape(std::string& out, uint32_t unit) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4)
    out += digits[unit >> shift & 0xf];
}

/// Takes the first code point off well-formed text.
uint32_t take_code_point(std::string_view& text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t tail = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  uint32_t result = tail == 0 ? lead : lead & (0x3fu >> tail);
  for (size_t i = 1; i <= tail; ++i)
    result = result << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
  text.remove_prefix(1 + tail);
  return result;
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  assert(is_utf8(text));
  constexpr std::string_view special = "\"\\\n\r\t\f\b", letters = "\"\\nrtfb";
  out += '"';
  while (!text.empty()) {
    const auto point = take_code_point(text);
    const auto at = point < 0x80 ? special.find(static_cast<char>(point)) : std::string_view::npos;
    if (at != std::string_view::npos) {
      out += {'\\', letters[at]};
    } else if (point >= ' ' && point <= '~') {
      out += static_cast<char>(point);
    } else if (point < 0x10000) {
      append_escape(out, point);
    } else {
      append_escape(out, 0xd7c0 + (point >> 10));
      append_escape(out, 0xdc00 + (point & 0x3ff));
    }
  }
  out += '"';
}

} // namespace actord
