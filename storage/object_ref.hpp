// One object's name as batches carry it.
#pragma once

#include "storage/object_key.hpp"

#include <memory>
#include <span>
#include <vector>

namespace actord {

/// An object key without strings of its own: the names of a batch share their
/// space. Identity is that of the object key: model, salt, hash, kv_rank and
/// group. The space's world size is `world_of(kv_rank)`.
struct object_ref {
  std::shared_ptr<const key_space> space; // never null where a ref is passed on
  chunk_hash hash;
  uint32_t kv_rank = 0; // packed, see object_key
  uint32_t object_group_id = 0;
  uint64_t length_bytes = 0; // of the object, as wanted or as stored
};

/// World size of a packed rank. Names from outside may have none: 1 then.
constexpr uint32_t world_of(uint32_t kv_rank) noexcept {
  return kv_rank >> 24 == 0 ? 1 : kv_rank >> 24;
}

/// The key that a ref means.
object_key to_key(const object_ref& ref);

/// The ref of one key.
object_ref to_ref(const object_key& key, uint64_t length_bytes);

/// The refs of keys, in order and without lengths. Neighbours of one space
/// share it.
std::vector<object_ref> to_refs(std::span<const object_key> keys);

} // namespace actord
