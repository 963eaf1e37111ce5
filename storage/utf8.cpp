#include "storage/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace actord {

bool is_utf8(std::string_view text) noexcept {
  size_t i = 0;
  const auto byte_at = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  while (i < text.size()) {
    const uint8_t lead = byte_at(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t tail = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i <= tail) {
      return false;
    }
    // The second byte alone tells overlong forms, surrogates and values above
    // U+10FFFF.
    const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (byte_at(i + 1) < low || byte_at(i + 1) > high) {
      return false;
    }
    for (size_t k = 2; k <= tail; ++k) {
      if ((byte_at(i + k) & 0xc0) != 0x80) {
        return false;
      }
    }
    i += tail + 1;
  }
  return true;
}

} // namespace actord
