#include "storage/serde/checksum.hpp"

#include "storage/l2_names.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace actord {

namespace {

constexpr std::string_view magic = "ACDSUM01";

using trailer = std::array<std::byte, checksum_serde::overhead_bytes>;

void put(std::byte* at, uint64_t value) noexcept {
  for (int i = 0; i < 8; ++i)
    at[i] = static_cast<std::byte>(value >> (8 * i));
}

/// Magic, checksum of the object, checksum of its name: an object under another's name is another.
trailer trailer_of(const object_key& key, std::span<const std::byte> plain) {
  trailer result;
  std::memcpy(result.data(), magic.data(), magic.size());
  put(result.data() + 8, XXH3_64bits(plain.data(), plain.size()));
  const auto name = remote_name(key);
  put(result.data() + 16, XXH3_64bits(name.data(), name.size()));
  return result;
}

class checksum_lane final : public serde_lane {
public:
  encode_result encode(const serde_object& object, std::span<const std::byte> plain,
                       std::span<std::byte> out) override {
    const auto bytes = object.plain_bytes + checksum_serde::overhead_bytes;
    if (plain.size() != object.plain_bytes || out.size() < bytes)
      return {0, serde_fault::wrong_buffer};
    const auto end = trailer_of(object.key, plain);
    std::ranges::copy(end, std::ranges::copy(plain, out.begin()).out);
    return {bytes, serde_fault::none};
  }

  serde_fault decode(const serde_object& object, std::span<const std::byte> stored,
                     std::span<std::byte> plain_out) override {
    const auto bytes = object.plain_bytes + checksum_serde::overhead_bytes;
    if (plain_out.size() != object.plain_bytes)
      return serde_fault::wrong_buffer;
    if (stored.size() != bytes)
      return stored.size() < bytes ? serde_fault::too_short : serde_fault::wrong_length;
    const auto plain = stored.first(object.plain_bytes);
    if (!std::ranges::equal(trailer_of(object.key, plain), stored.subspan(plain.size())))
      return serde_fault::changed;
    std::ranges::copy(plain, plain_out.begin());
    return serde_fault::none;
  }
};

} // namespace

stored_size checksum_serde::size_of(const serde_object& object) const noexcept {
  if (object.plain_bytes > UINT64_MAX - overhead_bytes)
    return {0, true, serde_fault::wrong_length};
  return {object.plain_bytes + overhead_bytes, true, serde_fault::none};
}

std::unique_ptr<serde_lane> checksum_serde::open_lane() const {
  return std::make_unique<checksum_lane>();
}

} // namespace actord
