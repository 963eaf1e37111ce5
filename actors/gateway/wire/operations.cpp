#include "actors/gateway/wire/operations.hpp"

#include "actors/gateway/wire/encode.hpp"
#include "actors/gateway/wire/msgpack_reader.hpp"
#include "actors/gateway/wire/msgpack_writer.hpp"

#include <array>
#include <cassert>

namespace actord::wire {

namespace {

using enum dispatch_class;
using op = operation;
using kind = reply_kind;

constexpr std::array<operation_info, 35> table = {{
  {op::register_kv_cache, "register_kv_cache", 7, sync, kind::null, true},
  {op::unregister_kv_cache, "unregister_kv_cache", 1, sync, kind::null, true},
  {op::register_q_cache, "register_q_cache", 7, sync, kind::null, false},
  {op::unregister_q_cache, "unregister_q_cache", 1, sync, kind::null, false},
  {op::store_q, "store_q", 4, affinity, kind::transfer, false},
  {op::store, "store", 4, affinity, kind::transfer, true},
  {op::retrieve, "retrieve", 5, affinity, kind::transfer, true},
  {op::lookup, "lookup", 2, normal, kind::null, true},
  {op::query_prefetch_status, "query_prefetch_status", 1, normal, kind::nullable_int, true},
  {op::wait_prefetch_status, "wait_prefetch_status", 2, normal, kind::nullable_int, true},
  {op::free_lookup_locks, "free_lookup_locks", 2, normal, kind::null, true},
  {op::end_session, "end_session", 1, normal, kind::null, true},
  {op::register_engine_driven, "register_kv_cache_engine_driven_context", 1, sync,
   kind::registration, true},
  {op::unregister_engine_driven, "unregister_kv_cache_engine_driven_context", 1, sync, kind::null,
   true},
  {op::prepare_store, "prepare_store", 2, affinity, kind::prepare_store, true},
  {op::commit_store, "commit_store", 3, affinity, kind::boolean, true},
  {op::prepare_retrieve, "prepare_retrieve", 2, affinity, kind::prepare_retrieve, true},
  {op::commit_retrieve, "commit_retrieve", 2, affinity, kind::boolean, true},
  {op::clear, "clear", 1, normal, kind::null, true},
  {op::get_chunk_size, "get_chunk_size", 0, sync, kind::integer, true},
  {op::ping, "ping", 1, normal, kind::boolean, true},
  {op::report_block_allocation, "report_block_allocation", 3, normal, kind::null, true},
  {op::noop, "noop", 0, sync, kind::text, true},
  {op::cb_register_rope, "cb_register_rope", 8, sync, kind::null, false},
  {op::cb_unregister_rope, "cb_unregister_rope", 1, sync, kind::null, false},
  {op::cb_retrieve_pre_computed, "cb_retrieve_pre_computed", 5, affinity, kind::transfer, false},
  {op::cb_unified_lookup, "cb_unified_lookup", 2, normal, kind::other, false},
  {op::p2p_lookup_and_lock, "p2p_lookup_and_lock", 2, normal, kind::integer, false},
  {op::p2p_query_lookup_results, "p2p_query_lookup_results", 1, normal, kind::other, false},
  {op::p2p_unlock_objects, "p2p_unlock_objects", 1, normal, kind::null, false},
  {op::get_experimental, "get_experimental", 0, sync, kind::text_list, true},
  {op::cb_protocol_handshake, "cb_protocol_handshake", 1, sync, kind::other, false},
  {op::subscribe_kv_events, "subscribe_kv_events", 4, sync, kind::stream, true},
  {op::cb_reorder_plan, "cb_reorder_plan", 3, normal, kind::other, false},
  {op::server_module_call, "server_module_call", 1, normal, kind::module_response, false},
}};

constexpr uint8_t retired_id = 11;
constexpr auto last_id = static_cast<uint8_t>(op::cb_protocol_handshake);

/// Place of an enumerator in the table, which has no row for the retired id.
constexpr size_t row_of(uint64_t value) noexcept {
  return value > retired_id ? value - 2 : value - 1;
}

constexpr bool rows_are_in_order() noexcept {
  for (size_t i = 0; i < table.size(); ++i) {
    if (row_of(static_cast<uint8_t>(table[i].op)) != i) {
      return false;
    }
  }
  return true;
}
static_assert(rows_are_in_order());

} // namespace

std::span<const operation_info> operations() noexcept {
  return table;
}

const operation_info& info(operation which) noexcept {
  const size_t row = row_of(static_cast<uint8_t>(which));
  assert(row < table.size() && table[row].op == which);
  return table[row];
}

std::optional<operation> parse_operation(std::span<const std::byte> frame) {
  msgpack_reader in(frame);
  std::optional<operation> result;
  if (in.peek() == msgpack_type::str) {
    const std::string_view name = in.read_str();
    for (const operation_info& row : table) {
      if (row.name == name) {
        result = row.op;
      }
    }
  } else {
    const bool is_bool = in.peek() == msgpack_type::boolean;
    const uint64_t id = is_bool ? uint64_t{in.read_bool()} : in.read_uint64();
    if (in.ok() && id >= 1 && id <= last_id && id != retired_id) {
      result = static_cast<operation>(id);
    }
  }
  in.expect_end();
  return in.ok() ? result : std::nullopt;
}

bool refused_by_text(operation which) noexcept {
  return which == op::register_kv_cache || which == op::register_q_cache
         || which == op::register_engine_driven;
}

std::optional<std::string> refusal(operation which, instance_mode mode) {
  assert(!refused_by_text(which));
  switch (info(which).reply) {
    case kind::transfer: return encode_transfer({}, false);
    case kind::nullable_int: return encode_int(0);
    case kind::boolean: return encode_bool(which != op::commit_store);
    case kind::prepare_store:
      // A pickle client ignores the context, a shared-memory client needs the
      // lists.
      return mode == instance_mode::pickle ? encode_prepare_store_pickle()
                                           : encode_prepare_store({}, {});
    case kind::prepare_retrieve: return encode_prepare_retrieve_miss();
    case kind::text: return encode_str("OK");
    case kind::text_list: return encode_str_list({});
    case kind::module_response:
      return encode_module_error("no server module is loaded: this server does not take any");
    case kind::integer:
      // The id of a peer-to-peer task that nobody knows; a chunk size cannot be
      // made up.
      return which == op::p2p_lookup_and_lock ? std::optional(encode_int(0)) : std::nullopt;
    case kind::null:
    case kind::registration:
    case kind::stream:
    case kind::other: break;
  }
  return std::nullopt;
}

std::string refusal_frame(operation which, std::string_view reason) {
  std::string text(info(which).name);
  text += " refused: ";
  text += reason;
  return encode_str(text);
}

} // namespace actord::wire
