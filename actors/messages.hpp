// Message vocabulary: payload structs (nouns), atoms (verbs) and type IDs.
#pragma once

#include "actors/error.hpp"
#include "actors/event_messages.hpp"
#include "actors/gateway/wire/encode.hpp"
#include "actors/gateway/wire/requests.hpp"
#include "actors/l2_messages.hpp"
#include "gpu/paged_layout.hpp"
#include "storage/l1_index.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace actord {

/// An immutable value that several actors of this process share; a message carries the pointer,
/// never the value.
template <class T>
struct boxed {
  std::shared_ptr<const T> value;

  const T& operator*() const noexcept {
    return *value;
  }
  const T* operator->() const noexcept {
    return value.get();
  }
};

template <class T>
boxed<std::decay_t<T>> box(T&& value) {
  return {std::make_shared<const std::decay_t<T>>(std::forward<T>(value))};
}

using chain_ptr = std::shared_ptr<const std::vector<chunk_hash>>;

/// The chunks [first, end) of a request, with what its session knows: the hash chain from chunk 0,
/// and the lease of its last lookup (0: none).
struct chunk_range {
  chain_ptr chain; // chain->size() >= end
  uint32_t first = 0, end = 0;
  lease_id lease = 0;

  std::span<const chunk_hash> hashes() const {
    return std::span{*chain}.subspan(first, end - first);
  }
};

/// Who stores, so that KV events can tell the tokens behind a hash. Tokens of chunk i: [i * chunk,
/// (i + 1) * chunk).
struct store_origin {
  std::shared_ptr<const wire::cache_key> key;
  chunk_range range;
};

/// What lookups need to know of a model: the objects of one chunk and rank.
struct model_layout {
  std::string model_name;
  uint32_t world_size = 1;
  std::vector<group_layout> groups;
  // Of the engine's tensors, group by group, for those who log lookups.
  std::vector<std::string> dtypes = {}; // torch names
  std::vector<std::vector<int64_t>> shapes = {};
  std::vector<std::string> object_dtypes = {}; // by group, without "torch."; "": not all the same
};

// -- to the L1 manager
// ----------------------------------------------------------------------------------------------

struct lookup_order {
  key_space space;
  chain_ptr chain;
  std::vector<group_layout> groups;
  uint32_t shares = 1;
};

struct claim_order {
  lease_id lease = 0;
  uint16_t rank = 0;
  uint32_t first = 0, end = 0;
  std::vector<group_layout> groups;
};

struct release_order {
  lease_id lease = 0;
  std::optional<uint16_t> rank;
  uint32_t first = 0, end = 0, shares = 0;
};

struct reserve_order {
  key_space space;
  chunk_range range;
  uint16_t rank = 0;
  std::vector<group_layout> groups;
  std::function<bool(uint32_t chunk, uint16_t group)> skip; // empty: nothing is skipped
};

struct touch_order {
  key_space space;
  chain_ptr chain;
};

struct l1_status {
  l1_usage usage;
  std::vector<std::pair<std::string, uint64_t>> bytes_by_salt;
  uint64_t evicted_bytes = 0, evictable_bytes = 0;
};

struct erase_order {
  std::vector<object_key> keys;
  bool force = false;
};

struct erase_report {
  uint64_t deleted = 0, locked = 0, failed = 0;
};

/// What to make room for: `bytes` of `salt`'s objects (of all when empty).
struct evict_order {
  uint64_t bytes = 0;
  std::optional<std::string> salt;
};

/// A chunk that came or went, by name.
struct chunk_news {
  std::shared_ptr<const key_space> space;
  chunk_hash hash;
  bool stored = false;
};

struct chunk_news_batch {
  std::vector<chunk_news> news;
  std::optional<store_origin> origin; // of the stored ones
};

// -- answers of sessions and transfers
// ------------------------------------------------------------------------------

struct prefetch_status {
  bool resolved = false;
  uint32_t hit_chunks = 0;
};

/// What a registered engine-driven worker may map. Empty: pickle mode.
struct pool_offer {
  std::string shm_name;
  uint64_t size_bytes = 0;
};

/// How the objects in `slots` look to an engine-driven worker.
struct slot_plan {
  bool pickle = false; // the worker cannot map the pool: no slots, bytes travel in messages
  bool success = true; // prepare_retrieve only
  std::vector<slot> slots;
  std::vector<int64_t> shape;
  std::string dtype;
  std::string data; // pickled tensors, prepare_retrieve only
};

struct instance_status {
  int64_t instance_id = 0;
  std::string model_name;
  uint32_t world_size = 1;
  bool engine_driven = false, use_mla = false, pickle = false;
  int64_t block_size = 0;       // engine-driven only, as the next three
  uint64_t bytes_per_token = 0; // of one rank
  uint64_t pending_writes = 0, pending_reads = 0;
  std::shared_ptr<const gpu::paged_layout> layout; // of an lmcache-driven instance
};

struct transfer_status {
  std::vector<instance_status> instances;
};

struct session_status {
  uint64_t sessions = 0, active_lookups = 0, tokens = 0;
};

struct quota_entry {
  std::string cache_salt;
  uint64_t limit_bytes = 0;
  bool exists = false;
};

struct eviction_status {
  std::string policy;
  double trigger_watermark = 0, eviction_ratio = 0;
  uint64_t rounds = 0, evicted_bytes = 0;
};

struct kv_event_status {
  bool enabled = true;
  int64_t incarnation = 0, next_seq = 1;
  uint64_t log_depth = 0, log_capacity = 0, unbound_stores = 0, subscribers = 0;
};

/// One live stream of a client: who it is to the gateway (opaque there) and what it wants.
struct kv_subscription {
  uint64_t stream = 0; // the gateway's number of this stream
  int64_t instance_id = 0;
  std::string model_name;
  int64_t cursor = 0, max_events = 0;
};

/// Asks for the checksums of an instance's live KV memory (spec cli-http §2.7).
struct checksum_order {
  int64_t instance_id = 0;
  std::vector<int64_t> block_ids;
  int64_t blocks_per_chunk = 0;
  bool layerwise = false;
};

/// Per layer (one entry when not layerwise) the MD5 of each chunk, in hex.
struct checksum_report {
  std::vector<std::vector<std::string>> layers;
};

/// Work for a copier: `run(first, last)` may run on several threads at once, on disjoint pieces.
struct copy_work {
  std::function<void(size_t first, size_t last)> run;
};

/// One registered connection's view for /status.
struct client_status {
  std::string peer;
  uint64_t requests = 0, waiting = 0, instances = 0;
  uint64_t open_requests = 0; // named and not ended: these may hold leases of a lookup
  std::vector<int64_t> instance_ids{};
};

struct gateway_status {
  std::vector<client_status> clients;
  uint64_t requests = 0, refused = 0, malformed = 0, cut = 0, overdue = 0;
};

} // namespace actord

namespace caf {

template <class T>
struct allowed_unsafe_message_type<actord::boxed<T>> : std::true_type {};

template <>
struct allowed_unsafe_message_type<std::vector<actord::quota_entry>> : std::true_type {};

} // namespace caf

// These never leave the process: no serialised form, so no inspect.
#define ACTORD_LOCAL_MESSAGE(name) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::name)
ACTORD_LOCAL_MESSAGE(chunk_range)
ACTORD_LOCAL_MESSAGE(claim_order)
ACTORD_LOCAL_MESSAGE(claim_outcome)
ACTORD_LOCAL_MESSAGE(checksum_report)
ACTORD_LOCAL_MESSAGE(erase_order)
ACTORD_LOCAL_MESSAGE(erase_report)
ACTORD_LOCAL_MESSAGE(event_batch)
ACTORD_LOCAL_MESSAGE(event_bus_status)
ACTORD_LOCAL_MESSAGE(evict_order)
ACTORD_LOCAL_MESSAGE(eviction_status)
ACTORD_LOCAL_MESSAGE(gateway_status)
ACTORD_LOCAL_MESSAGE(hold_outcome)
ACTORD_LOCAL_MESSAGE(kv_event_status)
ACTORD_LOCAL_MESSAGE(kv_subscription)
ACTORD_LOCAL_MESSAGE(l1_status)
ACTORD_LOCAL_MESSAGE(l2_adapter_info)
ACTORD_LOCAL_MESSAGE(l2_adapter_status)
ACTORD_LOCAL_MESSAGE(l2_order)
ACTORD_LOCAL_MESSAGE(l2_presence)
ACTORD_LOCAL_MESSAGE(lookup_outcome)
ACTORD_LOCAL_MESSAGE(model_layout)
ACTORD_LOCAL_MESSAGE(pin_outcome)
ACTORD_LOCAL_MESSAGE(pool_offer)
ACTORD_LOCAL_MESSAGE(prefetch_controller_status)
ACTORD_LOCAL_MESSAGE(prefetch_outcome)
ACTORD_LOCAL_MESSAGE(prefetch_status)
ACTORD_LOCAL_MESSAGE(quota_entry)
ACTORD_LOCAL_MESSAGE(release_order)
ACTORD_LOCAL_MESSAGE(reserve_outcome)
ACTORD_LOCAL_MESSAGE(session_status)
ACTORD_LOCAL_MESSAGE(slot_plan)
ACTORD_LOCAL_MESSAGE(store_controller_status)
ACTORD_LOCAL_MESSAGE(subscription)
ACTORD_LOCAL_MESSAGE(touch_order)
ACTORD_LOCAL_MESSAGE(transfer_status)
#undef ACTORD_LOCAL_MESSAGE

#define ACTORD_TYPE(name) CAF_ADD_TYPE_ID(actord_messages, (actord::name))
CAF_BEGIN_TYPE_ID_BLOCK(actord_messages, caf::first_custom_type_id)

  ACTORD_TYPE(boxed<actord::checksum_order>)
  ACTORD_TYPE(boxed<actord::chunk_news_batch>)
  ACTORD_TYPE(boxed<actord::copy_work>)
  ACTORD_TYPE(boxed<actord::l2_report>)
  ACTORD_TYPE(boxed<actord::lookup_order>)
  ACTORD_TYPE(boxed<actord::prefetch_order>)
  ACTORD_TYPE(boxed<actord::reserve_order>)
  ACTORD_TYPE(boxed<actord::settle_order>)
  ACTORD_TYPE(boxed<actord::store_origin>)
  ACTORD_TYPE(boxed<std::vector<actord::object_ref>>)
  ACTORD_TYPE(boxed<actord::wire::commit_retrieve>)
  ACTORD_TYPE(boxed<actord::wire::commit_store>)
  ACTORD_TYPE(boxed<actord::wire::free_lookup_locks>)
  ACTORD_TYPE(boxed<actord::wire::kv_event_batch>)
  ACTORD_TYPE(boxed<actord::wire::lookup>)
  ACTORD_TYPE(boxed<actord::wire::prepare_retrieve>)
  ACTORD_TYPE(boxed<actord::wire::prepare_store>)
  ACTORD_TYPE(boxed<actord::wire::register_engine_driven>)
  ACTORD_TYPE(boxed<actord::wire::register_kv_cache>)
  ACTORD_TYPE(boxed<actord::wire::retrieve>)
  ACTORD_TYPE(boxed<actord::wire::store>)
  ACTORD_TYPE(checksum_report)
  ACTORD_TYPE(chunk_range)
  ACTORD_TYPE(claim_order)
  ACTORD_TYPE(claim_outcome)
  ACTORD_TYPE(erase_order)
  ACTORD_TYPE(erase_report)
  ACTORD_TYPE(event_batch)
  ACTORD_TYPE(event_bus_status)
  ACTORD_TYPE(evict_order)
  ACTORD_TYPE(eviction_status)
  ACTORD_TYPE(gateway_status)
  ACTORD_TYPE(hold_outcome)
  ACTORD_TYPE(kv_event_status)
  ACTORD_TYPE(kv_subscription)
  ACTORD_TYPE(l1_status)
  ACTORD_TYPE(l2_adapter_info)
  ACTORD_TYPE(l2_adapter_status)
  ACTORD_TYPE(l2_order)
  ACTORD_TYPE(l2_presence)
  ACTORD_TYPE(lookup_outcome)
  ACTORD_TYPE(model_layout)
  ACTORD_TYPE(pin_outcome)
  ACTORD_TYPE(pool_offer)
  ACTORD_TYPE(prefetch_controller_status)
  ACTORD_TYPE(prefetch_outcome)
  ACTORD_TYPE(prefetch_status)
  ACTORD_TYPE(quota_entry)
  ACTORD_TYPE(release_order)
  ACTORD_TYPE(reserve_outcome)
  ACTORD_TYPE(session_status)
  ACTORD_TYPE(slot_plan)
  ACTORD_TYPE(store_controller_status)
  ACTORD_TYPE(subscription)
  ACTORD_TYPE(touch_order)
  ACTORD_TYPE(transfer_status)
  CAF_ADD_TYPE_ID(actord_messages, (std::vector<actord::quota_entry>))
  CAF_ADD_TYPE_ID(actord_messages, (std::vector<std::string>))

  CAF_ADD_ATOM(actord_messages, actord::atom, abort, "abort")
  CAF_ADD_ATOM(actord_messages, actord::atom, ack, "ack")
  CAF_ADD_ATOM(actord_messages, actord::atom, attach, "attach")
  CAF_ADD_ATOM(actord_messages, actord::atom, cancel, "cancel")
  CAF_ADD_ATOM(actord_messages, actord::atom, checksum, "checksum")
  CAF_ADD_ATOM(actord_messages, actord::atom, claim, "claim")
  CAF_ADD_ATOM(actord_messages, actord::atom, clear, "clear")
  CAF_ADD_ATOM(actord_messages, actord::atom, close, "close")
  CAF_ADD_ATOM(actord_messages, actord::atom, commit, "commit")
  CAF_ADD_ATOM(actord_messages, actord::atom, detach, "detach")
  CAF_ADD_ATOM(actord_messages, actord::atom, end, "end")
  CAF_ADD_ATOM(actord_messages, actord::atom, erase, "erase")
  CAF_ADD_ATOM(actord_messages, actord::atom, evict, "evict")
  CAF_ADD_ATOM(actord_messages, actord::atom, finish, "finish")
  CAF_ADD_ATOM(actord_messages, actord::atom, get, "get")
  CAF_ADD_ATOM(actord_messages, actord::atom, grow, "grow")
  CAF_ADD_ATOM(actord_messages, actord::atom, hold, "hold")
  CAF_ADD_ATOM(actord_messages, actord::atom, learn, "learn")
  CAF_ADD_ATOM(actord_messages, actord::atom, list, "list")
  CAF_ADD_ATOM(actord_messages, actord::atom, load, "load")
  CAF_ADD_ATOM(actord_messages, actord::atom, lookup, "lookup")
  CAF_ADD_ATOM(actord_messages, actord::atom, lost, "lost")
  CAF_ADD_ATOM(actord_messages, actord::atom, open, "open")
  CAF_ADD_ATOM(actord_messages, actord::atom, pin, "pin")
  CAF_ADD_ATOM(actord_messages, actord::atom, pressure, "pressure")
  CAF_ADD_ATOM(actord_messages, actord::atom, quarantine, "quarantine")
  CAF_ADD_ATOM(actord_messages, actord::atom, readable, "readable")
  CAF_ADD_ATOM(actord_messages, actord::atom, release, "release")
  CAF_ADD_ATOM(actord_messages, actord::atom, reserve, "reserve")
  CAF_ADD_ATOM(actord_messages, actord::atom, retrieve, "retrieve")
  CAF_ADD_ATOM(actord_messages, actord::atom, run, "run")
  CAF_ADD_ATOM(actord_messages, actord::atom, seen, "seen")
  CAF_ADD_ATOM(actord_messages, actord::atom, set, "set")
  CAF_ADD_ATOM(actord_messages, actord::atom, settle, "settle")
  CAF_ADD_ATOM(actord_messages, actord::atom, status, "status")
  CAF_ADD_ATOM(actord_messages, actord::atom, stop, "stop")
  CAF_ADD_ATOM(actord_messages, actord::atom, store, "store")
  CAF_ADD_ATOM(actord_messages, actord::atom, stored, "stored")
  CAF_ADD_ATOM(actord_messages, actord::atom, subscribe, "subscribe")
  CAF_ADD_ATOM(actord_messages, actord::atom, tick, "tick")
  CAF_ADD_ATOM(actord_messages, actord::atom, touch, "touch")

CAF_END_TYPE_ID_BLOCK(actord_messages)
#undef ACTORD_TYPE
