#include "actors/gateway/wire/text.hpp"

#include <cstddef>
#include <cstdint>

namespace actord::wire {

std::string printable(std::string_view text) {
  constexpr size_t max_shown = 64;
  constexpr char digits[] = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text.substr(0, max_shown)) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c >= 0x20 && c <= 0x7e) {
      result += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      result += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  result += text.size() > max_shown ? "...\"" : "\"";
  return result;
}

} // namespace actord::wire
