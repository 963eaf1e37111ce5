#include "storage/serde/fp8.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace actord;

namespace {

using bytes = std::vector<std::byte>;

const object_key some_key{{{1, 2, 3}}, "model", pack_kv_rank(1, 0), 0, ""};

template <class Value>
bytes bytes_of(const std::vector<Value>& values) {
  bytes result(values.size() * sizeof(Value));
  std::memcpy(result.data(), values.data(), result.size());
  return result;
}

bytes encoded(fp8_format format, std::string_view dtype, const bytes& plain) {
  fp8_serde serde{format};
  const serde_object object{some_key, dtype, plain.size()};
  bytes out(serde.size_of(object).bytes);
  const auto result = serde.open_lane()->encode(object, plain, out);
  REQUIRE(result.fault == serde_fault::none);
  REQUIRE_EQ(result.bytes, out.size());
  return out;
}

bytes decoded(fp8_format format, std::string_view dtype, const bytes& stored, size_t size) {
  fp8_serde serde{format};
  bytes out(size);
  REQUIRE(serde.open_lane()->decode({some_key, dtype, size}, stored, out) == serde_fault::none);
  return out;
}

std::string sha256(const bytes& data) {
  std::array<uint8_t, 32> digest;
  REQUIRE(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr));
  chunk_hash hash;
  hash.bytes = digest;
  return to_hex(hash);
}

std::vector<uint16_t> all_16_bit() {
  std::vector<uint16_t> result(65536);
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = static_cast<uint16_t>(i);
  return result;
}

bytes all_codes() {
  bytes result(256);
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = static_cast<std::byte>(i);
  return result;
}

/// The number that a float of any width means, taken apart by its definition.
double meaning(uint32_t bits, int exponent_bits, int mantissa_bits, bool is_fn = false) {
  const uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
  const uint32_t exponent = bits >> mantissa_bits & ((1u << exponent_bits) - 1);
  const bool is_negative = bits >> (mantissa_bits + exponent_bits) & 1;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  double result = 0;
  if (exponent == (1u << exponent_bits) - 1 && (!is_fn || mantissa == 7))
    result = is_fn || mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                                    : std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    result = std::ldexp(mantissa, 1 - bias - mantissa_bits);
  else
    result = std::ldexp(mantissa + (1u << mantissa_bits),
                        static_cast<int>(exponent) - bias - mantissa_bits);
  return std::copysign(result, is_negative ? -1.0 : 1.0);
}

double meaning_of_code(fp8_format format, uint32_t code) {
  return format == fp8_format::e4m3fn ? meaning(code, 4, 3, true) : meaning(code, 5, 2);
}

/// The code that rounding to nearest, ties to even, gives: found among all codes.
uint32_t nearest_code(fp8_format format, double value) {
  const uint32_t sign = std::signbit(value) ? 0x80 : 0;
  const double magnitude = std::abs(value);
  const bool saturates = format == fp8_format::e4m3fn;
  if (std::isnan(value))
    return sign | 0x7f;
  // The largest finite code; half a step above it, e5m2 overflows.
  const uint32_t largest = saturates ? 0x7e : 0x7b;
  if (magnitude >= (saturates ? 448.0 : 61440.0))
    return sign | (saturates ? 0x7e : 0x7c);
  uint32_t best = 0;
  for (uint32_t code = 0; code <= largest; ++code) {
    const double step = std::abs(meaning_of_code(format, code) - magnitude);
    const double least = std::abs(meaning_of_code(format, best) - magnitude);
    if (step < least || (step == least && code % 2 == 0))
      best = code;
  }
  return sign | best;
}

void check_all(fp8_format format, std::string_view dtype, int exponent_bits, int mantissa_bits) {
  const auto codes = encoded(format, dtype, bytes_of(all_16_bit()));
  size_t wrong = 0;
  for (uint32_t bits = 0; bits < 65536; ++bits)
    wrong += static_cast<uint32_t>(codes[bits])
             != nearest_code(format, meaning(bits, exponent_bits, mantissa_bits));
  CHECK_EQ(wrong, 0);
}

} // namespace

TEST_CASE("every float16 and bfloat16 becomes the nearest code, ties to even") {
  for (auto format : {fp8_format::e4m3fn, fp8_format::e5m2}) {
    check_all(format, "float16", 5, 10);
    check_all(format, "bfloat16", 8, 7);
  }
}

TEST_CASE("both ways equal torch's for all inputs") {
  // SHA-256 of what torch 2.15 makes on a CPU of all 65536 values in order, and of all 256 codes.
  struct expected {
    fp8_format format;
    const char *dtype, *there, *back;
  };
  for (const auto& each : {
         expected{fp8_format::e4m3fn, "float16",
                  "5fca763e3fe00eb890d13c36d5e9095d0560974190fb3cc477a68d5ce3869624",
                  "c81eb9389835971f22b6a6939307beeb5a003f2dd063d98f7a9a3af3e0b04f40"},
         expected{fp8_format::e4m3fn, "bfloat16",
                  "556222ae80c3498b4da64795f283e77962f1045e2525faaededd4e0a5b1ae212",
                  "15e7e4f7f07a1a04e832bfcea81d297a794c9e60824e4f72ab5537c9050f26c7"},
         expected{fp8_format::e4m3fn, "float32", "",
                  "8c7066d2da2e927f14261b753a1335e027ff331349e91d5b568e1a8c45ce189a"},
         expected{fp8_format::e5m2, "float16",
                  "92a1a336edf246100fcc85e3c61ae285755320768b7bd16a7a573cda0ee19a19",
                  "bf959bba531d710d2b5d71e932621a33446ec87c6101addb8f805116ff7b7671"},
         expected{fp8_format::e5m2, "bfloat16",
                  "875dd70a7c02e2f8dd7ba693a8764c02ec0242f5849d693f3e8e48f9f21d9ff7",
                  "d6e0c4cfe40a633142ae7efca8a782ba24232c4ef2197ddd57df87ea1894ef90"},
         expected{fp8_format::e5m2, "float32", "",
                  "f27340bbd2d23b7ee6ed74aef34425c94f9037517888fe98870711bec0be8f6c"},
       }) {
    const std::string dtype = each.dtype;
    const size_t width = dtype == "float32" ? 4 : 2;
    CHECK_EQ(sha256(decoded(each.format, dtype, all_codes(), 256 * width)), each.back);
    if (width == 2)
      CHECK_EQ(sha256(encoded(each.format, dtype, bytes_of(all_16_bit()))), each.there);
  }
}

TEST_CASE("the measured examples hold") {
  const std::vector<float> values{
    1,     1.125f,       17, 18, 0x1p-9f, 0x1p-10f, -1000, std::numeric_limits<float>::infinity(),
    -0.0f, std::nanf("")};
  const std::array<int, 10> expected{0x38, 0x39, 0x58, 0x59, 1, 0, 0xfe, 0x7e, 0x80, 0x7f};
  const auto codes = encoded(fp8_format::e4m3fn, "float32", bytes_of(values));
  for (size_t i = 0; i < values.size(); ++i)
    CHECK_EQ(static_cast<int>(codes[i]), expected[i]);
}

TEST_CASE("float32 becomes the nearest code, at every boundary between codes and elsewhere") {
  std::mt19937 random{5};
  for (auto format : {fp8_format::e4m3fn, fp8_format::e5m2}) {
    std::vector<uint32_t> inputs;
    auto around = [&](double value) {
      const auto middle = static_cast<float>(value);
      uint32_t bits = 0;
      std::memcpy(&bits, &middle, sizeof bits);
      for (uint32_t sign : {0u, 0x8000'0000u})
        for (uint32_t step = 0; step < 5; ++step)
          inputs.push_back(sign | (bits + step - (bits < 2 ? 0 : 2)));
    };
    for (uint32_t code = 0; code < 0x7b; ++code) {
      around(meaning_of_code(format, code));
      around((meaning_of_code(format, code) + meaning_of_code(format, code + 1)) / 2);
    }
    for (double limit : {448.0, 464.0, 480.0, 57344.0, 61440.0, 65536.0})
      around(limit);
    for (uint32_t special : {0x7f7f'ffffu, 0x7f80'0000u, 0x7f80'0001u, 0x7fff'ffffu})
      inputs.insert(inputs.end(), {special, special | 0x8000'0000});
    for (int i = 0; i < 20'000; ++i)
      inputs.push_back(random());
    const auto codes = encoded(format, "float32", bytes_of(inputs));
    size_t wrong = 0;
    for (size_t i = 0; i < inputs.size(); ++i)
      wrong += static_cast<uint32_t>(codes[i]) != nearest_code(format, meaning(inputs[i], 8, 23));
    CHECK_EQ(wrong, 0);
  }
}

TEST_CASE("every code comes back as itself through every type") {
  for (auto format : {fp8_format::e4m3fn, fp8_format::e5m2})
    for (std::string_view dtype : {"float16", "half", "bfloat16", "float32", "float"}) {
      const size_t width = dtype == "float32" || dtype == "float" ? 4 : 2;
      const auto plain = decoded(format, dtype, all_codes(), 256 * width);
      const auto codes = encoded(format, dtype, plain);
      for (uint32_t code = 0; code < 256; ++code) {
        if (std::isnan(meaning_of_code(format, code)))
          CHECK_EQ(static_cast<uint32_t>(codes[code]) & 0x7f, 0x7f);
        else
          CHECK_EQ(static_cast<uint32_t>(codes[code]), code);
      }
    }
}

TEST_CASE("elements that have the format already are copied, other types refused") {
  CHECK(encoded(fp8_format::e4m3fn, "float8_e4m3fn", all_codes()) == all_codes());
  CHECK(decoded(fp8_format::e5m2, "float8_e5m2", all_codes(), 256) == all_codes());
  fp8_serde serde{fp8_format::e4m3fn};
  for (const char* dtype : {"float8_e5m2", "uint8", "int8", "float64", "bool", "", "torch.half"})
    CHECK_EQ(serde.size_of({some_key, dtype, 8}).fault, serde_fault::wrong_dtype);
}

TEST_CASE("lengths must fit, at odd sizes and addresses too") {
  fp8_serde serde{fp8_format::e4m3fn};
  auto lane = serde.open_lane();
  bytes plain(64), stored(64);
  const serde_object object{some_key, "bfloat16", 14};
  CHECK_EQ(serde.size_of(object).bytes, 7);
  CHECK_EQ(lane->encode(object, std::span{plain}.subspan(1, 14), std::span{stored}).bytes, 7);
  const auto out = std::span{plain}.subspan(1, 14);
  CHECK_EQ(lane->decode(object, std::span{stored}.subspan(3, 7), out), serde_fault::none);
  CHECK_EQ(lane->decode(object, std::span{stored}.first(6), out), serde_fault::too_short);
  CHECK_EQ(lane->decode(object, std::span{stored}.first(8), out), serde_fault::wrong_length);
  CHECK_EQ(lane->decode(object, std::span{stored}.first(7), std::span{plain}.first(13)),
           serde_fault::wrong_buffer);
  CHECK_EQ(lane->encode(object, std::span{plain}.first(12), stored).fault,
           serde_fault::wrong_buffer);
  CHECK_EQ(lane->encode(object, std::span{plain}.first(14), std::span{stored}.first(6)).fault,
           serde_fault::wrong_buffer);
  CHECK_EQ(serde.size_of({some_key, "bfloat16", 15}).fault, serde_fault::wrong_length);
  CHECK_EQ(serde.size_of({some_key, "bfloat16", 0}).bytes, 0);
  CHECK_EQ(lane->decode({some_key, "bfloat16", 0}, {}, {}), serde_fault::none);
}
