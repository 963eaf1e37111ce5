// The name of one memory object without strings of its own.
#pragma once

#include "storage/object_key.hpp"

#include <cstdint>
#include <memory>

namespace actord {

/// One object of a batch: all objects of a request share the space.
struct object_ref {
  std::shared_ptr<const key_space> space; // never null
  chunk_hash hash;
  uint32_t kv_rank = 0; // as in object_key
  uint32_t object_group_id = 0;
  uint64_t length_bytes = 0;
};

} // namespace actord
