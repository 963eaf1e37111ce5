// A small index with one space, and the usual ways to fill it.
#pragma once

#include "storage/l1_index.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

namespace actord::test {

constexpr uint64_t object_bytes = 4096;

inline chunk_hash hash_of(uint32_t number) {
  chunk_hash result;
  // Spread as a real hash is; the number stays readable in the last bytes.
  auto word = (number + 1) * 0x9e3779b97f4a7c15u;
  std::memcpy(result.bytes.data(), &word, sizeof word);
  std::memcpy(result.bytes.data() + 28, &number, sizeof number);
  return result;
}

inline std::vector<chunk_hash> chain_of(uint32_t chunks, uint32_t first = 0) {
  std::vector<chunk_hash> result;
  for (uint32_t i = 0; i < chunks; ++i)
    result.push_back(hash_of(first + i));
  return result;
}

struct l1_fixture {
  explicit l1_fixture(uint64_t units = 64, eviction_kind kind = eviction_kind::lru)
    : index{{units * object_bytes, object_bytes, 600'000, 300'000},
            make_eviction_policy(kind, 64)} {
    index.grow(units * object_bytes);
    space = index.intern({"model", 1, ""});
  }

  reserve_outcome reserve(std::span<const chunk_hash> chain, uint64_t tag = 0) {
    return index.reserve(space, chain, 0, full, tag, now);
  }
  /// Whether all of `chain` could be reserved and committed.
  bool store(std::span<const chunk_hash> chain, space_id in, std::span<const group_layout> groups,
             uint16_t rank = 0) {
    auto reserved = index.reserve(in, chain, rank, groups, 0, now);
    return reserved.status == reserve_outcome::code::ok && index.commit(reserved.reservation, now);
  }
  bool store(std::span<const chunk_hash> chain) {
    return store(chain, space, full);
  }
  lookup_outcome lookup(std::span<const chunk_hash> chain, uint32_t shares = 1) {
    return index.lookup(space, chain, full, shares, now);
  }
  /// Hit of a lookup that keeps nothing.
  uint32_t hit(std::span<const chunk_hash> chain, std::span<const group_layout> groups) {
    auto found = index.lookup(space, chain, groups, 1, now);
    index.close_lease(found.lease);
    return found.hit_chunks;
  }
  uint32_t hit(std::span<const chunk_hash> chain) {
    return hit(chain, full);
  }
  object_key key(uint32_t number, uint32_t group = 0) const {
    return {hash_of(number), "model", pack_kv_rank(1, 0), group, ""};
  }

  l1_index index;
  space_id space = 0;
  std::vector<group_layout> full{{-1, object_bytes, false}};
  time_ms now = 0;
};

} // namespace actord::test
