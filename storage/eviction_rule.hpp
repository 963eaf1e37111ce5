// When eviction starts, how much it frees, and how far back a policy remembers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace actord {

/// Watermarks of a pool, or of a salt's quota (spec cache-core §3).
struct eviction_rule {
  double trigger_watermark = 0.8; // share of the limit at which a run starts
  double eviction_ratio = 0.2;    // of the trigger: a run stops at trigger * (1 - ratio)

  /// Bytes to free so that `used_bytes` of `limit_bytes` fall to the low mark; 0 below the trigger,
  /// all of them for a limit of 0.
  uint64_t goal_bytes(uint64_t used_bytes, uint64_t limit_bytes) const noexcept {
    if (limit_bytes == 0)
      return used_bytes;
    const auto trigger = trigger_watermark * static_cast<double>(limit_bytes);
    if (static_cast<double>(used_bytes) < trigger)
      return 0;
    const auto low_mark = trigger * (1 - eviction_ratio);
    return static_cast<uint64_t>(static_cast<double>(used_bytes) - low_mark);
  }
};

/// Departed columns that the policy of a pool may remember: as many as fit in the pool at 64 KiB
/// each, at least a few thousand.
constexpr size_t ghost_limit(uint64_t capacity_bytes) noexcept {
  return std::max<size_t>(4096, capacity_bytes / (64 << 10));
}

} // namespace actord
