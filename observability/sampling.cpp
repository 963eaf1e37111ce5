#include "observability/sampling.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr uint64_t murmur_finaliser(uint64_t value) noexcept {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccd;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53;
  value ^= value >> 33;
  return value;
}

/// FNV-1a byte by byte.
class byte_hash {
public:
  byte_hash& add(uint8_t byte) noexcept {
    state_ = (state_ ^ byte) * 0x100000001b3;
    return *this;
  }
  byte_hash& add(std::string_view text) noexcept {
    for (char letter : text)
      add(static_cast<uint8_t>(letter));
    return *this;
  }
  byte_hash& add(const chunk_hash& hash) noexcept {
    for (auto byte : hash.bytes)
      add(byte);
    return *this;
  }
  byte_hash& add_big_endian(uint64_t value, int size) noexcept {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
      add(static_cast<uint8_t>(value >> shift));
    return *this;
  }
  uint64_t finish() const noexcept {
    return murmur_finaliser(state_);
  }

private:
  uint64_t state_ = 0xcbf29ce484222325;
};

/// The second hash: a chain of bijections, one per word of 8 bytes. Built unlike FNV, so that a
/// collision in one says nothing about the other.
class word_hash {
public:
  word_hash& add(uint64_t word) noexcept {
    state_ = murmur_finaliser(state_ ^ word) + 0x9e3779b97f4a7c15;
    return *this;
  }
  /// The length goes first: no two sequences of texts read the same.
  word_hash& add(std::string_view text) noexcept {
    add(text.size());
    for (size_t i = 0; i < text.size(); i += sizeof(uint64_t)) {
      uint64_t word = 0;
      std::memcpy(&word, text.data() + i, std::min(sizeof word, text.size() - i));
      add(word);
    }
    return *this;
  }
  word_hash& add(const chunk_hash& hash) noexcept {
    return add({reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()});
  }
  uint64_t finish() const noexcept {
    return state_;
  }

private:
  uint64_t state_ = 0x2545f4914f6cdd1d;
};

/// What follows the chunk hash of an L1 key.
uint64_t finish_l1(byte_hash state, const object_key_view& key) noexcept {
  return state.add(uint8_t{0})
    .add(key.model_name)
    .add(uint8_t{0})
    .add_big_endian(key.kv_rank, 4)
    .add_big_endian(key.object_group_id, 4)
    .add(key.cache_salt)
    .finish();
}

} // namespace

uint64_t l1_sample_hash(const object_key_view& key) noexcept {
  return finish_l1(byte_hash{}.add(key.hash), key);
}

uint64_t reuse_sample_hash(std::string_view cache_salt, const chunk_hash& hash) noexcept {
  return byte_hash{}.add(cache_salt).add(uint8_t{0}).add(hash).finish();
}

std::array<uint64_t, sample_lanes>
l1_sample_hashes(const std::array<object_key_view, sample_lanes>& keys) noexcept {
  std::array<byte_hash, sample_lanes> lanes;
  for (size_t i = 0; i < sizeof(chunk_hash); ++i)
    for (size_t lane = 0; lane < sample_lanes; ++lane)
      lanes[lane].add(keys[lane].hash.bytes[i]);
  std::array<uint64_t, sample_lanes> result;
  for (size_t lane = 0; lane < sample_lanes; ++lane)
    result[lane] = finish_l1(lanes[lane], keys[lane]);
  return result;
}

std::array<uint64_t, sample_lanes>
reuse_sample_hashes(std::string_view cache_salt,
                    const std::array<const chunk_hash*, sample_lanes>& hashes) noexcept {
  std::array<byte_hash, sample_lanes> lanes;
  lanes.fill(byte_hash{}.add(cache_salt).add(uint8_t{0}));
  for (size_t i = 0; i < sizeof(chunk_hash); ++i)
    for (size_t lane = 0; lane < sample_lanes; ++lane)
      lanes[lane].add(hashes[lane]->bytes[i]);
  std::array<uint64_t, sample_lanes> result;
  for (size_t lane = 0; lane < sample_lanes; ++lane)
    result[lane] = lanes[lane].finish();
  return result;
}

uint64_t l0_sample_hash(uint64_t instance_id, uint64_t block_id) noexcept {
  return byte_hash{}.add_big_endian(instance_id, 8).add_big_endian(block_id, 8).finish();
}

sample_identity l1_identity(std::string_view l1_tag, const object_key_view& key) noexcept {
  auto second = word_hash{}
                  .add(key.hash)
                  .add(uint64_t{key.kv_rank} << 32 | key.object_group_id)
                  .add(key.model_name)
                  .add(key.cache_salt)
                  .add(l1_tag)
                  .finish();
  return {l1_sample_hash(key), second};
}

sample_identity reuse_identity(std::string_view cache_salt, const chunk_hash& hash) noexcept {
  return {reuse_sample_hash(cache_salt, hash), word_hash{}.add(hash).add(cache_salt).finish()};
}

sample_identity bytes_identity(std::string_view bytes) noexcept {
  return {byte_hash{}.add(bytes).finish(), word_hash{}.add(bytes).finish()};
}

sample_identity pair_identity(std::string_view left, std::string_view right) noexcept {
  auto first = byte_hash{}.add_big_endian(left.size(), 8).add(left).add(right).finish();
  return {first, word_hash{}.add(left).add(right).finish()};
}

sample_identity pair_identity(uint64_t left, uint64_t right) noexcept {
  return {l0_sample_hash(left, right), word_hash{}.add(left).add(right).finish()};
}

} // namespace actord
