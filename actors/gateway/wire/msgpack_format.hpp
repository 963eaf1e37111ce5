// What msgpack's first bytes mean.
#pragma once

#include "actors/gateway/wire/msgpack_reader.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace actord::wire {

/// The type that a first byte announces.
constexpr msgpack_type type_of(uint8_t lead) noexcept {
  if (lead <= 0x7f || lead >= 0xe0) {
    return msgpack_type::integer;
  }
  if (lead <= 0x8f) {
    return msgpack_type::map;
  }
  if (lead <= 0x9f) {
    return msgpack_type::array;
  }
  if (lead <= 0xbf) {
    return msgpack_type::str;
  }
  using enum msgpack_type;
  constexpr std::array<msgpack_type, 32> from_c0
    = {nil,  invalid, boolean, boolean, bin,     bin,     bin,     ext,     ext,     ext, real,
       real, integer, integer, integer, integer, integer, integer, integer, integer, ext, ext,
       ext,  ext,     ext,     str,     str,     str,     array,   array,   map,     map};
  return from_c0[lead - 0xc0];
}

/// Bytes that follow the first one and hold a number: the value itself, a
/// length or a count.
constexpr size_t number_width(uint8_t lead) noexcept {
  constexpr std::array<uint8_t, 32> widths = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
                                              1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
  return lead >= 0xc0 && lead <= 0xdf ? widths[lead - 0xc0] : 0;
}

constexpr std::string_view name_of(msgpack_type type) noexcept {
  switch (type) {
    case msgpack_type::end: return "end of data";
    case msgpack_type::invalid: return "invalid byte 0xc1";
    case msgpack_type::nil: return "nil";
    case msgpack_type::boolean: return "bool";
    case msgpack_type::integer: return "int";
    case msgpack_type::real: return "float";
    case msgpack_type::str: return "str";
    case msgpack_type::bin: return "bin";
    case msgpack_type::array: return "array";
    case msgpack_type::map: return "map";
    case msgpack_type::ext: return "ext";
  }
  return "?";
}

/// An unsigned number, most significant byte first.
template <class T>
T load_big_endian(const uint8_t* from) noexcept {
  static_assert(sizeof(T) == 2 || sizeof(T) == 4);
  T result;
  std::memcpy(&result, from, sizeof result);
  if constexpr (std::endian::native == std::endian::big) {
    return result;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(result);
  } else {
    return __builtin_bswap32(result);
  }
}

/// An unsigned number of `width` bytes, most significant first.
inline uint64_t load_big_endian(const uint8_t* from, size_t width) noexcept {
  uint64_t result = 0;
  for (size_t i = 0; i < width; ++i) {
    result = result << 8 | from[i];
  }
  return result;
}

} // namespace actord::wire
