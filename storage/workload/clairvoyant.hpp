// The best that any cache could have done.
#pragma once

#include "storage/workload/access_log.hpp"
#include "storage/workload/simulated_cache.hpp"

#include <cstdint>
#include <vector>

namespace actord::workload {

/// MIN (Belady 1966) with bypass: of what is in the cache and what could enter it, that goes which
/// is looked up farthest in the future, and what is never looked up again is not kept at all. With
/// blocks of one size no policy hits more often under the same room rule (it is interval scheduling
/// on `capacity` machines); with blocks of several sizes the optimum is NP-hard and this is a good
/// cache, not a bound. Under `watermark` a request is one instant, and the whole pool is its own:
/// no watermark keeps a part free.
class clairvoyant {
public:
  /// Costs 8 bytes per access while it lives. @param log must outlive it
  clairvoyant(const access_log& log, room_rule room);
  hit_counts run(uint64_t capacity_bytes) const;

private:
  class cache;

  const access_log& log_;
  room_rule room_;
  std::vector<block_id> blocks_; // in the order in which they are accessed
  std::vector<uint32_t> next_;   // position of the lookup that wants it again
};

} // namespace actord::workload
