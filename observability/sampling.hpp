// Which keys the lifecycle histograms follow: a stable hash decides, never chance.
#pragma once

#include "storage/object_key.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace actord {

constexpr uint64_t sample_modulus = 1'000'003;

/// How many of the `sample_modulus` classes of keys are followed at this rate (spec
/// observability §3).
/// @pre 0 < rate <= 1
constexpr uint32_t sample_threshold(double rate) noexcept {
  return static_cast<uint32_t>(rate * static_cast<double>(sample_modulus));
}

constexpr bool sampled(uint64_t hash, uint32_t threshold) noexcept {
  return hash % sample_modulus < threshold;
}

/// The name of a memory object without owning its strings.
struct object_key_view {
  chunk_hash hash;
  std::string_view model_name;
  uint32_t kv_rank = 0;
  uint32_t object_group_id = 0;
  std::string_view cache_salt;

  object_key_view() = default;
  object_key_view(const chunk_hash& key_hash, std::string_view model, uint32_t rank, uint32_t group,
                  std::string_view salt)
    : hash(key_hash), model_name(model), kv_rank(rank), object_group_id(group), cache_salt(salt) {
  }
  /// Implicit, as every view of what it views.
  object_key_view(const object_key& key)
    : object_key_view(key.hash, key.model_name, key.kv_rank, key.object_group_id, key.cache_salt) {
  }
};

/// The sampling hashes: FNV-1a of 64 bits, then the finaliser of murmur3 (spec observability §3).
/// The same on every machine and in every run.
uint64_t l1_sample_hash(const object_key_view& key) noexcept;
uint64_t reuse_sample_hash(std::string_view cache_salt, const chunk_hash& hash) noexcept;
/// The same of several keys at once: FNV waits for the product of every byte, so that some chains
/// side by side take hardly longer than one.
constexpr size_t sample_lanes = 4;
std::array<uint64_t, sample_lanes>
l1_sample_hashes(const std::array<object_key_view, sample_lanes>& keys) noexcept;
std::array<uint64_t, sample_lanes>
reuse_sample_hashes(std::string_view cache_salt,
                    const std::array<const chunk_hash*, sample_lanes>& hashes) noexcept;
uint64_t l0_sample_hash(uint64_t instance_id, uint64_t block_id) noexcept;

/// Stands for a key in a tracker, in 16 bytes whatever the length of its strings: its sampling hash
/// and a second, independent hash. Among n keys the odds that any two share one are about
/// n^2 / 2^129: 1.5e-27 for a million. Two keys that do share one are counted as one.
struct sample_identity {
  uint64_t first = 0;
  uint64_t second = 0;
  auto operator<=>(const sample_identity&) const = default;
};

struct sample_identity_hash {
  size_t operator()(const sample_identity& id) const noexcept {
    return static_cast<size_t>(id.second);
  }
};

/// Identity of an object in one L1 tier; `first` is `l1_sample_hash`, whatever the tag.
sample_identity l1_identity(std::string_view l1_tag, const object_key_view& key) noexcept;
/// Identity of a chunk of one salt; `first` is `reuse_sample_hash`.
sample_identity reuse_identity(std::string_view cache_salt, const chunk_hash& hash) noexcept;
/// Identity of any bytes, of a pair of texts (told apart from every other pair), of a pair of
/// numbers.
sample_identity bytes_identity(std::string_view bytes) noexcept;
sample_identity pair_identity(std::string_view left, std::string_view right) noexcept;
sample_identity pair_identity(uint64_t left, uint64_t right) noexcept;

} // namespace actord
