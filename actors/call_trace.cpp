#include "actors/call_trace.hpp"

#include "observability/trace/calls.hpp"
#include "storage/lease.hpp"

#include <atomic>
#include <chrono>
#include <utility>

namespace actord {

namespace {

using trace::key_list;

std::atomic<uint64_t>& numbers() {
  static std::atomic<uint64_t> result = 0;
  return result;
}

void publish(event_publisher& bus, trace::call what) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  auto call = std::make_shared<const trace::recorded_call>(trace::recorded_call{std::move(what)});
  const auto number = numbers().fetch_add(1, std::memory_order_relaxed);
  bus.publish(event_type::trace_call, {},
              trace_call_details{std::move(call), std::chrono::duration<double>(now).count(),
                                 number});
}

// One group's objects of some chunks, of all ranks or one.
void add_objects(key_list& to, const std::shared_ptr<const key_space>& space,
                 std::span<const chunk_hash> chunks, uint32_t group, std::optional<uint32_t> rank) {
  for (const auto& hash : chunks) {
    if (rank) {
      to.push_back({space, hash, pack_kv_rank(space->world_size, *rank), group, 0});
      continue;
    }
    for (uint32_t each = 0; each < space->world_size; ++each)
      to.push_back({space, hash, pack_kv_rank(space->world_size, each), group, 0});
  }
}

} // namespace

uint64_t next_call_number() noexcept {
  return numbers().load(std::memory_order_relaxed);
}

event_keys keys_of(const key_space& space, std::span<const chunk_hash> hashes,
                   const std::vector<slot>& slots) {
  const auto shared = std::make_shared<const key_space>(space);
  key_list result;
  result.reserve(slots.size());
  for (const auto& each : slots)
    result.push_back({shared, hashes[each.chunk], pack_kv_rank(space.world_size, each.rank),
                      each.group, each.length_bytes});
  return std::make_shared<const key_list>(std::move(result));
}

void trace_reserve_write(event_publisher& bus, const reserve_order& order) {
  if (!records_calls(bus))
    return;
  const auto space = std::make_shared<const key_space>(order.space);
  for (uint32_t group = 0; group < order.groups.size(); ++group) {
    trace::reserve_write_call call{{}, trace::layout_of(order.groups[group].object_bytes)};
    add_objects(call.keys, space, order.range.hashes(), group, order.rank);
    publish(bus, std::move(call));
  }
}

void trace_finish_write(event_publisher& bus, const event_keys& keys) {
  publish(bus, trace::finish_write_call{*keys});
}

void trace_prefetch(event_publisher& bus, const lookup_order& order, const std::string& request_id,
                    bool lock) {
  if (!records_calls(bus))
    return;
  const auto space = std::make_shared<const key_space>(order.space);
  trace::submit_prefetch_call call;
  for (uint32_t group = 0; group < order.groups.size(); ++group) {
    const auto& layout = order.groups[group];
    if (layout.aux)
      continue;
    auto& told = call.groups.emplace_back();
    add_objects(told.keys, space, *order.chain, group, std::nullopt);
    told.object_group_id = group;
    told.layout = trace::layout_of(layout.object_bytes);
    told.sliding_window_size = layout.window_chunks;
  }
  call.kv_readers = order.shares;
  call.lock = lock;
  call.external_request_id = request_id;
  publish(bus, std::move(call));
}

void trace_read(event_publisher& bus, const event_keys& keys) {
  publish(bus, trace::read_enter_call{*keys});
}

void trace_read_end(event_publisher& bus, const event_keys& keys) {
  publish(bus, trace::read_exit_call{*keys});
  publish(bus, trace::finish_read_call{*keys, 1});
}

void trace_release(event_publisher& bus, const key_space& space,
                   const std::vector<chunk_hash>& chain, const std::vector<group_layout>& groups,
                   const release_order& order) {
  if (!records_calls(bus))
    return;
  const auto shared = std::make_shared<const key_space>(space);
  trace::finish_read_call call{{}, order.shares};
  for (uint32_t group = 0; group < groups.size(); ++group) {
    if (groups[group].aux)
      continue;
    const auto first = window_start(groups[group].window_chunks, order.first, order.end);
    add_objects(call.keys, shared, std::span{chain}.subspan(first, order.end - first), group,
                order.rank);
  }
  publish(bus, std::move(call));
}

} // namespace actord
