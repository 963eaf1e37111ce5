// Protobuf's wire format, appended to a string. For messages that are too many for objects.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace actord::otlp {

/// Fields of one message in the order of the calls. Sizes of what lies in it are counted first
/// (`*_size`), so that nothing is written twice.
class wire_writer {
public:
  static constexpr size_t varint_size(uint64_t value) {
    return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
  }
  /// Of a field below 16 with a length: strings, bytes, messages.
  static constexpr size_t bytes_size(size_t length) {
    return 1 + varint_size(length) + length;
  }

  void varint(uint32_t field, uint64_t value) {
    tag(field, 0);
    raw(value);
  }
  void fixed64(uint32_t field, uint64_t value) {
    tag(field, 1);
    little_endian(value, 8);
  }
  void fixed32(uint32_t field, uint32_t value) {
    tag(field, 5);
    little_endian(value, 4);
  }
  void number(uint32_t field, double value) {
    fixed64(field, std::bit_cast<uint64_t>(value));
  }
  void bytes(uint32_t field, std::string_view text) {
    begin(field, text.size());
    out_.append(text);
  }
  /// A message of `length` bytes, whose fields are written next.
  void begin(uint32_t field, size_t length) {
    tag(field, 2);
    raw(length);
  }

  const std::string& text() const {
    return out_;
  }
  void clear() {
    out_.clear();
  }

private:
  void tag(uint32_t field, uint32_t type) {
    raw(uint64_t{field} << 3 | type);
  }
  void raw(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void little_endian(uint64_t value, int bytes) {
    for (; bytes > 0; --bytes, value >>= 8)
      out_.push_back(static_cast<char>(value & 0xFF));
  }

  std::string out_;
};

} // namespace actord::otlp
