// The actor that decides when and how much leaves L1.
#pragma once

#include "actors/interfaces.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace actord {

struct eviction_controller_options {
  eviction_kind policy = eviction_kind::lru;
  double trigger_watermark = 0.8; // share of the pool, or of a salt's quota
  double eviction_ratio = 0.2;    // of the trigger: eviction stops at trigger * (1 - ratio)
};

/// The state of the EVICTION CONTROLLER (spec cache-core §3). One eviction run at a time; a run is
/// a chain of slices, each one message to the L1 MANAGER, so lookups pass between them.
class eviction_controller_state {
public:
  static inline const char* name = "eviction-controller";

  explicit eviction_controller_state(eviction_controller_actor::pointer self);

  /// Bytes to free so that `used` of `limit` falls to the low mark; 0 below the trigger.
  uint64_t goal(uint64_t used, uint64_t limit) const;
  eviction_status status() const;

  eviction_controller_options options;
  l1_manager_actor l1;
  quota_actor quotas;
  bool running = false;
  uint64_t rounds = 0, evicted_bytes = 0;
};

/// Learns its L1 MANAGER from the first `open`.
eviction_controller_actor::behavior_type
eviction_controller(eviction_controller_actor::stateful_pointer<eviction_controller_state> self,
                    const eviction_controller_options& options, quota_actor quotas);

} // namespace actord
