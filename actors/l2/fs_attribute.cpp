#include "actors/l2/fs_attribute.hpp"

#include <algorithm>

// For the size of the state, which the header keeps in its own storage.
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>
#ifdef __x86_64__
// Takes the widest instructions that this processor has.
#include <xxh_x86dispatch.h>
#endif

namespace actord {

namespace {

constexpr std::array<std::byte, 8> magic{std::byte{'A'}, std::byte{'C'}, std::byte{'D'},
                                         std::byte{'1'}};

void put(std::byte* at, uint64_t value) {
  for (int i = 0; i < 8; ++i)
    at[i] = static_cast<std::byte>(value >> (8 * i));
}

uint64_t get(const std::byte* at) {
  uint64_t result = 0;
  for (int i = 0; i < 8; ++i)
    result |= static_cast<uint64_t>(at[i]) << (8 * i);
  return result;
}

} // namespace

std::array<std::byte, fs_attribute_bytes> encode(const fs_attribute& value) {
  std::array<std::byte, fs_attribute_bytes> result{};
  std::copy(magic.begin(), magic.end(), result.begin());
  put(result.data() + 8, value.length_bytes);
  put(result.data() + 16, value.checksum);
  put(result.data() + 24, value.identity);
  return result;
}

std::optional<fs_attribute> decode_fs_attribute(std::span<const std::byte> bytes) {
  if (bytes.size() != fs_attribute_bytes || !std::equal(magic.begin(), magic.end(), bytes.begin()))
    return std::nullopt;
  return fs_attribute{get(bytes.data() + 8), get(bytes.data() + 16), get(bytes.data() + 24)};
}

uint64_t fs_checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

fs_running_checksum::fs_running_checksum() {
  static_assert(sizeof(XXH3_state_t) == state_bytes && alignof(XXH3_state_t) == 64);
  XXH3_64bits_reset(reinterpret_cast<XXH3_state_t*>(state_.data()));
}

void fs_running_checksum::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(reinterpret_cast<XXH3_state_t*>(state_.data()), bytes.data(), bytes.size());
}

uint64_t fs_running_checksum::value() const {
  return XXH3_64bits_digest(reinterpret_cast<const XXH3_state_t*>(state_.data()));
}

uint64_t fs_identity(std::string_view file) {
  return XXH3_64bits(file.data(), file.size());
}

} // namespace actord
