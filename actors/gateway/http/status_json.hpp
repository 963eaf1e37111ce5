// The answer of GET /status (spec cli-http §2.5).
#pragma once

#include "actors/gateway/http/message.hpp"
#include "actors/messages.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/options/daemon_options.hpp"

#include <optional>

namespace actord::http {

/// What the actors say of themselves; the transfers are empty where they are not running.
struct status_facts {
  l1_status l1;
  eviction_status eviction;
  session_status sessions;
  kv_event_status kv_events;
  gateway_status gateway;
  std::optional<transfer_status> lmcache_driven, engine_driven;
  event_bus_status bus; // of no capacity when there is none
  std::vector<runtime::actor_census::entry> actors;
  store_controller_status stores;
  prefetch_controller_status prefetch;
  std::vector<l2_adapter_status> adapters;
};

/// Fields in the order clients know, ours behind them: `zmq_gateway`, `event_bus`, `actors`, and in
/// the L1 manager leases, claims, reservations, quarantined, evicted_bytes, evictable_bytes,
/// index_bytes, columns.
json status_json(const status_facts& facts, const daemon_options& options);

/// `kv_cache_layout` of an instance.
json layout_json(const gpu::paged_layout& layout);

} // namespace actord::http
