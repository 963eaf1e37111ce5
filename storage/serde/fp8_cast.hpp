// Casts between 16- or 32-bit floats and 8-bit ones, as torch makes them on a CPU.
#pragma once

#include <bit>
#include <cstdint>

namespace actord {

/// Sign, 4 bits exponent, 3 bits mantissa, one NaN, no infinity: 448 is the largest
/// value, and what is larger becomes it (spec cache-core §7.2).
struct float8_e4m3fn {
  static constexpr int32_t mantissa_bits = 3;
  static constexpr int32_t bias = 7;
  static constexpr int32_t largest = 0x7e; // the code of what is too large
  static constexpr int32_t nan = 0x7f;
  static constexpr uint32_t first_special = 0x7f; // infinities and NaNs begin here
};

/// Sign, 5 bits exponent, 2 bits mantissa: the upper half of a float16. What is too
/// large becomes infinity.
struct float8_e5m2 {
  static constexpr int32_t mantissa_bits = 2;
  static constexpr int32_t bias = 15;
  static constexpr int32_t largest = 0x7c;
  static constexpr int32_t nan = 0x7f;
  static constexpr uint32_t first_special = 0x7c;
};

/// The float32 (as bits) of a bfloat16.
constexpr uint32_t widen_bfloat16(uint16_t bits) noexcept {
  return uint32_t{bits} << 16;
}

/// The float32 (as bits) of a float16, exact.
constexpr uint32_t widen_float16(uint16_t bits) noexcept {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00) // infinity and NaN have an exponent of their own
    return sign | 0x7f80'0000 | (magnitude & 0x3ff) << 13;
  if (magnitude < 0x400)
    return sign | std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  return sign | ((magnitude << 13) + ((127u - 15) << 23));
}

/// Rounds a float32 (as bits) to the nearest 8-bit float, ties to even; NaN stays
/// NaN, the sign always stays. Without branches, so that loops over it become
/// vector code.
template <class Float8>
constexpr uint8_t round_to_float8(uint32_t bits) noexcept {
  constexpr uint32_t shift = 23 - Float8::mantissa_bits;
  constexpr int32_t rebias = (127 - Float8::bias) << Float8::mantissa_bits;
  constexpr int32_t least_normal = (127 - Float8::bias + 1) << 23;
  // A float whose last bit is worth as much as that of a subnormal 8-bit float:
  // adding it rounds as the processor rounds, to even.
  constexpr int32_t magic = (127 - Float8::bias + 1 - Float8::mantissa_bits + 23) << 23;
  // Signed, for the vector units of every x86 compare that.
  const auto magnitude = static_cast<int32_t>(bits & 0x7fff'ffff);
  const uint32_t even = bits >> shift & 1;
  const uint32_t rounded = (bits & 0x7fff'ffff) + (1u << (shift - 1)) - 1 + even;
  int32_t normal = static_cast<int32_t>(rounded >> shift) - rebias;
  normal = normal > Float8::largest ? Float8::largest : normal;
  const int32_t is_small = -static_cast<int32_t>(magnitude < least_normal);
  const float small = std::bit_cast<float>(magnitude & is_small);
  const int32_t subnormal = std::bit_cast<int32_t>(small + std::bit_cast<float>(magic)) - magic;
  int32_t result = (subnormal & is_small) | (normal & ~is_small);
  const int32_t is_nan = -static_cast<int32_t>(magnitude > 0x7f80'0000);
  result = (Float8::nan & is_nan) | (result & ~is_nan);
  return static_cast<uint8_t>((bits >> 24 & 0x80) | static_cast<uint32_t>(result));
}

/// The float32 (as bits) of an 8-bit float, exact; NaNs become quiet ones.
template <class Float8>
constexpr uint32_t widen_float8(uint8_t code) noexcept {
  constexpr uint32_t shift = 23 - Float8::mantissa_bits;
  constexpr uint32_t least_bit = (127 - Float8::bias + 1 - Float8::mantissa_bits) << 23;
  const uint32_t sign = (code & 0x80u) << 24;
  const uint32_t magnitude = code & 0x7fu;
  const uint32_t mantissa = magnitude & ((1u << Float8::mantissa_bits) - 1);
  if (magnitude >= Float8::first_special)
    return sign | 0x7f80'0000 | mantissa << shift | (mantissa != 0 ? 0x40'0000 : 0);
  if (magnitude >> Float8::mantissa_bits == 0)
    return sign
           | std::bit_cast<uint32_t>(static_cast<float>(mantissa)
                                     * std::bit_cast<float>(least_bit));
  return sign | ((magnitude << shift) + ((127 - Float8::bias) << 23));
}

/// The bfloat16 of an 8-bit float, exact; all NaNs become the same one.
template <class Float8>
constexpr uint16_t float8_to_bfloat16(uint8_t code) noexcept {
  const auto bits = widen_float8<Float8>(code);
  return static_cast<uint16_t>((bits & 0x7fff'ffff) > 0x7f80'0000 ? 0x7fc0 : bits >> 16);
}

/// The float16 of an 8-bit float, exact; NaNs become quiet ones.
template <class Float8>
constexpr uint16_t float8_to_float16(uint8_t code) noexcept {
  const auto bits = widen_float8<Float8>(code);
  const uint32_t sign = bits >> 16 & 0x8000;
  const uint32_t magnitude = bits & 0x7fff'ffff;
  if (magnitude >= 0x7f80'0000)
    return static_cast<uint16_t>(sign | 0x7c00 | (magnitude >> 13 & 0x3ff));
  if (magnitude < (127u - 14) << 23) // subnormal: in steps of 2^-24
    return static_cast<uint16_t>(
      sign | static_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p24f));
  return static_cast<uint16_t>(sign | (magnitude - ((127u - 15) << 23)) >> 13);
}

} // namespace actord
