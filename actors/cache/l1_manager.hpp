// The actor that owns the pool's index.
#pragma once

#include "actors/cache/l1_events.hpp"
#include "actors/cache/l1_meters.hpp"
#include "actors/cache/quota_levels.hpp"
#include "actors/interfaces.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace actord {

struct l1_manager_options {
  l1_index::config index;
  eviction_kind policy = eviction_kind::lru;
  double trigger_watermark = 0.8; // of the pool: above it the eviction controller hears of it
  bool record_changes = true;     // for KV events
  std::shared_ptr<metric_registry> metrics = std::make_shared<metric_registry>();
  std::string l1_tag = "_default";
  event_publisher_ptr bus = event_publisher::none();
  std::shared_ptr<gen_ai_metrics> gen_ai = std::make_shared<gen_ai_metrics>();
  std::shared_ptr<quota_levels> quotas = std::make_shared<quota_levels>();
  uint32_t chunk_tokens = 256;
};

/// The state of the L1 MANAGER (storage/l1_index.hpp has the rules). Bounds: reservations that wait
/// for the pool to grow are at most `max_waiting`; an eviction slice removes at most
/// `columns_per_slice` columns.
class l1_manager_state {
public:
  static inline const char* name = "l1-manager";
  static constexpr size_t max_waiting = 4096;
  static constexpr size_t columns_per_slice = 256;

  explicit l1_manager_state(l1_manager_actor::pointer self);

  void init(l1_manager_options options, eviction_controller_actor eviction, kv_events_actor events);
  lookup_outcome lookup(const lookup_order& order);
  claim_outcome claim(const claim_order& order);
  caf::typed_response_promise<reserve_outcome> reserve(boxed<reserve_order> order);
  caf::typed_response_promise<bool>
  commit(reservation_id reservation, const boxed<store_origin>& origin);
  uint64_t evict(const evict_order& order);
  erase_report erase(const erase_order& order);
  void clear(bool force);
  void touch(const touch_order& order);
  void finish(claim_id claim);
  void abort(reservation_id reservation);
  void quarantine(reservation_id reservation);
  hold_outcome hold(const lookup_order& order);
  reserve_outcome load(const reserve_order& order, bool temporary);
  lookup_outcome settle(const settle_order& order);
  pin_outcome pin(const std::vector<object_ref>& objects);
  void grow(uint64_t bytes);
  l1_status status() const;
  void tick();

  l1_index& index() {
    return *index_;
  }

  store_controller_actor stores; // null: nothing is behind L1

private:
  reserve_outcome try_reserve(const reserve_order& order);
  void answer(const reserve_order& order, caf::typed_response_promise<reserve_outcome> promise,
              reserve_outcome outcome);
  /// Tells the metrics and the event bus what this step did to objects.
  void tell_objects(l1_events::cause cause = l1_events::cause::engine);
  /// The same, and the KV events what came and went. What came by a load is told to no store.
  void
  publish(std::optional<store_origin> origin, l1_events::cause cause = l1_events::cause::engine);
  /// Tells the eviction controller once that the pool is above the trigger; returns whether it is.
  bool check_pressure();
  std::shared_ptr<const key_space> name_of(space_id space);

  struct waiting_reservation {
    boxed<reserve_order> order;
    caf::typed_response_promise<reserve_outcome> answer;
  };

  l1_manager_actor::pointer self_;
  l1_manager_options options_;
  std::unique_ptr<l1_index> index_;
  std::optional<l1_meters> meters_;
  std::optional<l1_events> told_;
  eviction_controller_actor eviction_;
  kv_events_actor events_;
  std::deque<waiting_reservation> waiting_; // until the pool has grown
  bool growing_ = true;
  bool pressure_told_ = false;
  uint64_t evicted_bytes_ = 0;
};

l1_manager_actor::behavior_type
l1_manager(l1_manager_actor::stateful_pointer<l1_manager_state> self, l1_manager_options options,
           eviction_controller_actor eviction, kv_events_actor events);

} // namespace actord
