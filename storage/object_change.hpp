// What became of single objects, for events.
#pragma once

#include "storage/object_key.hpp"

#include <cstdint>

namespace actord {

/// `read`: a claim of it ended; `written`: it became resident; `evicted`: it left, for any reason.
struct object_change {
  enum class kind : uint8_t { read, written, evicted };

  kind what = kind::read;
  uint32_t space = 0; // space_id
  chunk_hash hash;
  uint16_t rank = 0, group = 0;
  uint64_t length_bytes = 0;
  auto operator<=>(const object_change&) const = default;
};

} // namespace actord
