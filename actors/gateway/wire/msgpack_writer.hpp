// Append-only msgpack encoder; every value takes its shortest form, as the peer
// writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace actord::wire {

/// Appends values to a string. Containers announce their count; the caller
/// writes that many elements. Text, bytes and counts are limited to 2^32-1
/// (asserted). Source: wire-protocol §2.1.
class msgpack_writer {
public:
  msgpack_writer() = default;

  explicit msgpack_writer(size_t reserve_bytes) {
    out_.reserve(reserve_bytes);
  }

  void nil();
  void boolean(bool value);
  void integer(int64_t value);
  void unsigned_integer(uint64_t value);
  void real(double value);
  void str(std::string_view text);
  void bin(std::string_view bytes);

  /// Only the header of a bin: the caller appends `length` bytes to `bytes()`
  /// itself.
  void bin_header(size_t length);
  void array(size_t count);
  void map(size_t count);

  std::string& bytes() noexcept {
    return out_;
  }

  std::string take() noexcept {
    return std::move(out_);
  }

private:
  void put(uint8_t lead);
  void put(uint8_t lead, uint64_t number, size_t width);
  void counted(size_t count, uint8_t fix_lead, size_t fix_limit, uint8_t lead8, uint8_t lead16);

  std::string out_;
};

} // namespace actord::wire
