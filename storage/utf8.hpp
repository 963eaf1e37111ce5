// Text whose bytes came from outside.
#pragma once

#include <string_view>

namespace actord {

/// Whether `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text) noexcept;

} // namespace actord
