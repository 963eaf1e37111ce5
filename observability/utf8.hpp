// Bytes from outside as text that every reader takes.
#pragma once

#include <string>
#include <string_view>

namespace actord {

/// `text` as UTF-8: every byte that belongs to no well-formed sequence (overlong forms and
/// surrogates are none) becomes one U+FFFD. A page of metrics with one other byte is refused as a
/// whole by Prometheus, and a message by every reader of protobuf.
std::string utf8(std::string_view text);

} // namespace actord
