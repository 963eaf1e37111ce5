// What came and went, for KV events.
#pragma once

#include "storage/object_key.hpp"

#include <cstdint>

namespace actord {

/// A chunk that came (its first object became resident) or went as a whole.
struct chunk_change {
  uint32_t space = 0; // space_id
  chunk_hash hash;
  bool stored = false; // else removed
  auto operator<=>(const chunk_change&) const = default;
};

} // namespace actord
