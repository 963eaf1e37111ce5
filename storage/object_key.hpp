// Names of KV data: the hash of a token prefix, who may share it, and which
// rank's part it is.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace actord {

/// Hash of a token prefix that ends at a chunk boundary (32 bytes in every
/// supported algorithm).
struct chunk_hash {
  std::array<uint8_t, 32> bytes{};
  auto operator<=>(const chunk_hash&) const = default;

  /// The hash is uniform already: its first word is a good table hash.
  uint64_t word() const noexcept {
    uint64_t result = 0;
    std::memcpy(&result, bytes.data(), sizeof result);
    return result;
  }
};

/// Who may share a chunk: model, number of KV shards, and isolation salt.
/// Interned to a `space_id`.
struct key_space {
  std::string model_name;
  uint32_t world_size = 1; // 1..255
  std::string cache_salt;
  auto operator<=>(const key_space&) const = default;
};

/// The full name of one memory object (spec cache-core §1.1); how files, block
/// devices and remote stores spell it: l2_names.hpp.
struct object_key {
  chunk_hash hash;
  std::string model_name;
  uint32_t kv_rank = 0; // packed: world<<24 | rank<<16 | world<<8 | rank
  uint32_t object_group_id = 0;
  std::string cache_salt;
  auto operator<=>(const object_key&) const = default;
};

constexpr uint32_t max_world_size = 255;

/// Packs a shard's position. @pre `world_size` <= 255 and `rank` <
/// `world_size`.
constexpr uint32_t pack_kv_rank(uint32_t world_size, uint32_t rank) noexcept {
  return world_size << 24 | rank << 16 | world_size << 8 | rank;
}

/// Returns what is wrong with a model name ("" when nothing is).
std::string_view model_name_error(std::string_view model_name);

/// Returns what is wrong with a salt ("" when nothing is): at most 128
/// characters, none of @ / \ NUL.
std::string_view cache_salt_error(std::string_view cache_salt);

std::string to_hex(const chunk_hash& hash);

/// The hash that 64 lower-case hex digits stand for.
std::optional<chunk_hash> parse_chunk_hash(std::string_view hex);

} // namespace actord
