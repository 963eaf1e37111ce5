// Stored objects. The first byte chooses serde, element type and salt, two bytes, little-endian,
// are the object's length, the rest is what the store holds.
#include "storage/serde/aesgcm.hpp"
#include "storage/serde/fp8.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

using namespace actord;

namespace {

using bytes = std::vector<std::byte>;
constexpr std::byte untouched{0xaa};

void require(bool holds) {
  if (!holds)
    std::abort();
}

/// The peer's vectors have this master key: they are the corpus.
bytes master_key() {
  bytes result(32);
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = static_cast<std::byte>(i);
  return result;
}

/// What is opened can only be what was sealed; nothing else comes out.
void check_aesgcm(const serde& codec, const serde_object& object, std::span<const std::byte> stored,
                  uint8_t flip) {
  const auto lane = codec.open_lane();
  bytes out(object.plain_bytes, untouched);
  const auto fault = lane->decode(object, stored, out);
  if (fault != serde_fault::none)
    require(std::ranges::all_of(out, [&](std::byte each) {
      return each == (fault == serde_fault::bad_tag ? std::byte{0} : untouched);
    }));
  // The same bytes as an object: sealed, opened, and refused with one bit changed.
  const serde_object own{object.key, object.dtype, stored.size()};
  bytes frame(codec.size_of(own).bytes), back(stored.size());
  require(lane->encode(own, stored, frame).bytes == frame.size());
  require(lane->decode(own, frame, back) == serde_fault::none);
  require(std::ranges::equal(back, stored));
  frame[flip % frame.size()] ^= std::byte{1} << flip % 8;
  require(lane->decode(own, frame, back) != serde_fault::none);
}

/// Codes that were decoded are encoded to the same codes; a NaN stays one.
void check_fp8(const serde& codec, const serde_object& object, std::span<const std::byte> stored) {
  const auto lane = codec.open_lane();
  bytes out(object.plain_bytes, untouched);
  const auto size = codec.size_of(object);
  const auto fault = lane->decode(object, stored, out);
  require((fault == serde_fault::none)
          == (size.fault == serde_fault::none && size.bytes == stored.size()));
  if (fault != serde_fault::none)
    return;
  bytes again(stored.size());
  require(lane->encode(object, out, again).bytes == stored.size());
  for (size_t i = 0; i < stored.size(); ++i)
    require(again[i] == stored[i] || (again[i] & std::byte{0x7f}) == std::byte{0x7f});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3)
    return 0;
  static const aesgcm_serde of_128{master_key(), {}},
    of_256{master_key(), {.aes_bits = 256, .bind_identity = true}};
  static const fp8_serde e4m3fn{fp8_format::e4m3fn}, e5m2{fp8_format::e5m2};
  constexpr std::array dtypes{"float16", "bfloat16", "float32", "float8_e4m3fn"};
  object_key key;
  key.model_name = "model";
  key.cache_salt = data[0] & 4 ? "tenant-a" : "";
  // A buffer of exactly that size: reading past it is seen.
  const bytes stored(reinterpret_cast<const std::byte*>(data) + 3,
                     reinterpret_cast<const std::byte*>(data) + size);
  const serde_object object{key, dtypes[data[0] >> 3 & 3], data[1] | uint64_t{data[2]} << 8};
  switch (data[0] & 3) {
    case 0: check_aesgcm(of_128, object, stored, data[1]); break;
    case 1: check_aesgcm(of_256, object, stored, data[1]); break;
    case 2: check_fp8(e4m3fn, object, stored); break;
    default: check_fp8(e5m2, object, stored); break;
  }
  return 0;
}
