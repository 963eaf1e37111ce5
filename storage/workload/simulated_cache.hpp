// L1 without bytes: an eviction policy of the daemon, driven by a workload.
#pragma once

#include "storage/eviction_policy.hpp"
#include "storage/eviction_rule.hpp"
#include "storage/workload/access_log.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace actord::workload {

/// Who makes room, and when.
enum class room_rule : uint8_t {
  /// As the daemon does: a request's hits are counted as it comes; what it misses is reserved at
  /// once, all or nothing, in place of anything but the request's own blocks; then, above the
  /// trigger watermark, a run frees down to the low mark; then the new blocks become resident.
  watermark,
  /// As the literature does: access by access from tail to head, one victim when the cache is full.
  full,
};

struct cache_options {
  eviction_kind policy = eviction_kind::lru;
  uint64_t capacity_bytes = 0;
  room_rule room = room_rule::watermark;
  eviction_rule rule = {}; // of `watermark`
  /// Limits of salts, looked at once in a second of the workload (IsolatedLRU and `watermark`).
  std::vector<std::pair<salt_id, uint64_t>> quotas = {};
};

/// What a cache did for the lookups of a workload.
struct hit_counts {
  uint64_t hits = 0;        // blocks found
  uint64_t hit_bytes = 0;   // of them
  uint64_t prefix_hits = 0; // those with all blocks before them in the request found: what a
                            // prefix cache can serve
  uint64_t evicted = 0;     // blocks
  uint64_t refused = 0;     // blocks that found no room
  auto operator<=>(const hit_counts&) const = default;
};

/// Drives `make_eviction_policy`'s own code; blocks are their own column ids, so nothing is hashed.
/// No time passes between a lookup and its store: leases hold nothing back.
class simulated_cache {
public:
  /// @param log must outlive the cache
  simulated_cache(const access_log& log, const cache_options& options);

  void run(const step& next);
  const hit_counts& counts() const noexcept {
    return counts_;
  }
  bool resident(block_id id) const noexcept {
    return state_[id] != absent;
  }
  uint64_t used_bytes() const noexcept {
    return used_bytes_;
  }

  /// Bytes by salt, as `take_from_largest_salts` reads them.
  struct salt_level {
    uint64_t bytes = 0;
  };
  const std::vector<std::pair<salt_id, salt_level>>& salts() const noexcept {
    return salts_;
  }

private:
  enum state : uint8_t { absent, held, pinned };

  void run_request(const step& next);
  void store(std::span<const block_id> blocks);
  uint64_t reserve(std::span<const block_id> blocks);
  void access_each(const step& next);
  bool make_room(uint64_t bytes);
  void count_hit(block_id id);
  void admit(block_id id);
  void remove(block_id id);
  uint64_t evict(uint64_t goal_bytes, std::optional<salt_id> salt);
  uint64_t evict_walk(uint64_t goal_bytes, std::optional<salt_id> salt);
  void check_quotas(int64_t time_ms);

  const access_log& log_;
  cache_options options_;
  std::unique_ptr<eviction_policy> policy_;
  std::vector<state> state_;
  std::vector<std::pair<salt_id, salt_level>> salts_;
  hit_counts counts_;
  uint64_t used_bytes_ = 0;
  int64_t next_tick_ms_ = 0;
  std::vector<block_id> victims_, missing_; // scratch
};

/// All of a workload.
hit_counts simulate(const access_log& log, const cache_options& options);

} // namespace actord::workload
