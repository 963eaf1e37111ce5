// How many objects of a salt were read, written and removed.
#pragma once

#include "storage/eviction_policy.hpp"

#include <cstdint>

namespace actord {

/// Objects of one salt since the last look. `read`: claims that ended; `written`: objects that
/// became resident; `evicted`: every removal of a resident object.
struct salt_traffic {
  salt_id salt = 0;
  uint64_t read = 0, written = 0, evicted = 0;
};

} // namespace actord
