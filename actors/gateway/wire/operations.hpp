// The frozen table of operations, and what is answered when one cannot be
// carried out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace actord::wire {

/// Operations of wire-protocol §1.4. Up to `cb_protocol_handshake` the value is
/// the id on the wire; the rest have names only.
enum class operation : uint8_t {
  register_kv_cache = 1,
  unregister_kv_cache = 2,
  register_q_cache = 3,
  unregister_q_cache = 4,
  store_q = 5,
  store = 6,
  retrieve = 7,
  lookup = 8,
  query_prefetch_status = 9,
  wait_prefetch_status = 10,
  // 11 is retired and never reused.
  free_lookup_locks = 12,
  end_session = 13,
  register_engine_driven = 14,
  unregister_engine_driven = 15,
  prepare_store = 16,
  commit_store = 17,
  prepare_retrieve = 18,
  commit_retrieve = 19,
  clear = 20,
  get_chunk_size = 21,
  ping = 22,
  report_block_allocation = 23,
  noop = 24,
  cb_register_rope = 25,
  cb_unregister_rope = 26,
  cb_retrieve_pre_computed = 27,
  cb_unified_lookup = 28,
  p2p_lookup_and_lock = 29,
  p2p_query_lookup_results = 30,
  p2p_unlock_objects = 31,
  get_experimental = 32,
  cb_protocol_handshake = 33,
  subscribe_kv_events,
  cb_reorder_plan,
  server_module_call,
};

/// How the peer orders an operation (wire-protocol §1.5).
enum class dispatch_class : uint8_t { sync, affinity, normal };

/// What a reply's body holds; `null` and every nullable kind may also be the
/// two-frame reply.
enum class reply_kind : uint8_t {
  null,
  nullable_int,
  integer,
  boolean,
  text,
  text_list,
  transfer,         // [bin, bool]
  registration,     // RegisterEngineDrivenContextResponse
  prepare_store,    // PrepareStoreResponse
  prepare_retrieve, // PrepareRetrieveResponse
  stream,           // items of KVEventBatch
  module_response,  // ServerModuleCallResponse
  other,            // results of operations that are not served
};

struct operation_info {
  operation op;
  std::string_view name;
  uint8_t payloads; // frames after the operation frame
  dispatch_class dispatch;
  reply_kind reply;
  bool served; // false: known, answered by `refusal`
};

/// All operations in the order of the enumeration.
std::span<const operation_info> operations() noexcept;

const operation_info& info(operation op) noexcept;

/// Reads an operation frame: an int of any width, a name, or `true`, which the
/// peer takes as id 1. Empty for anything else, for unknown ids and names and
/// for trailing bytes.
std::optional<operation> parse_operation(std::span<const std::byte> frame);

/// What kind of registration the asking instance has, as far as known.
enum class instance_mode : uint8_t { unknown, shm, pickle, lmcache_driven };

/// Whether a failure must be told by `refusal_frame`, because a null reply
/// would mean success.
bool refused_by_text(operation op) noexcept;

/// Body of the reply for any failure (wire-protocol §10); empty: a reply of two
/// frames, which is also the end of a stream. @pre `!refused_by_text(op)`
std::optional<std::string> refusal(operation op, instance_mode mode);

/// Operation frame that takes the echo's place in the two-frame reply of a
/// refused registration: the text "<operation> refused: <reason>". `reason`
/// should end with the remedy.
std::string refusal_frame(operation op, std::string_view reason);

} // namespace actord::wire
