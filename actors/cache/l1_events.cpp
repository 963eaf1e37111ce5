#include "actors/cache/l1_events.hpp"

#include "actors/call_trace.hpp"
#include "storage/lease.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace actord {

namespace {

constexpr size_t max_names = 256;
constexpr size_t max_writing = 65536;

using key_list = std::vector<event_key>;

event_keys shared(key_list keys) {
  return std::make_shared<const key_list>(std::move(keys));
}

event_keys no_keys() {
  static const auto none = shared({});
  return none;
}

// The objects of a lookup's chunks [first, end): what its groups need of them, of every rank.
key_list objects_of(const lookup_order& order, uint32_t first, uint32_t end) {
  key_list result;
  const auto space = std::make_shared<const key_space>(order.space);
  for (uint32_t group = 0; group < order.groups.size(); ++group) {
    const auto& layout = order.groups[group];
    if (layout.aux)
      continue;
    for (auto chunk = window_start(layout.window_chunks, first, end); chunk < end; ++chunk)
      for (uint32_t rank = 0; rank < space->world_size; ++rank)
        result.push_back({space, (*order.chain)[chunk], pack_kv_rank(space->world_size, rank),
                          group, layout.object_bytes});
  }
  return result;
}

// The objects that a writer asked for, or those of them that it got.
key_list objects_of(const reserve_order& order, const std::vector<slot>* granted) {
  key_list result;
  const auto space = std::make_shared<const key_space>(order.space);
  const auto rank = pack_kv_rank(space->world_size, order.rank);
  const auto hashes = order.range.hashes();
  if (granted) {
    for (const auto& each : *granted)
      result.push_back({space, hashes[each.chunk], rank, each.group, each.length_bytes});
    return result;
  }
  for (const auto& hash : hashes)
    for (uint32_t group = 0; group < order.groups.size(); ++group)
      result.push_back({space, hash, rank, group, order.groups[group].object_bytes});
  return result;
}

} // namespace

l1_events::l1_events(event_publisher_ptr bus, std::string l1_tag)
  : bus_(std::move(bus)), l1_tag_(std::move(l1_tag)) {
}

void l1_events::prepare(l1_index& index, bool wanted) const {
  constexpr std::array types{event_type::l1_read_finished,
                             event_type::l1_write_finished,
                             event_type::l1_write_finished_and_read_reserved,
                             event_type::l1_keys_evicted,
                             event_type::sm_read_prefetched_finished,
                             event_type::sm_write_finished};
  index.record_objects(
    wanted || std::ranges::any_of(types, [&](event_type type) { return bus_->wants(type); }));
}

std::shared_ptr<const key_space> l1_events::name_of(const l1_index& index, space_id space) {
  if (names_.size() >= max_names)
    names_.clear();
  auto& known = names_[space];
  if (!known)
    known = std::make_shared<const key_space>(index.space(space));
  return known;
}

std::vector<object_ref> l1_events::take(l1_index& index, cause by) {
  const auto changes = index.drain_objects();
  if (changes.empty())
    return {};
  key_list read, written, evicted;
  std::shared_ptr<const key_space> space;
  std::optional<space_id> named;
  for (const auto& change : changes) {
    if (named != change.space) {
      space = name_of(index, change.space);
      named = change.space;
    }
    auto& to = change.what == object_change::kind::read      ? read
               : change.what == object_change::kind::written ? written
                                                             : evicted;
    if (to.empty())
      to.reserve(changes.size());
    to.push_back({space, change.hash, pack_kv_rank(space->world_size, change.rank), change.group,
                  change.length_bytes});
  }
  // What had to go went before what came in its place.
  if (!evicted.empty())
    bus_->publish(event_type::l1_keys_evicted, {},
                  l1_keys_details{l1_tag_, shared(std::move(evicted))});
  if (!read.empty())
    publish_read(shared(std::move(read)));
  if (!written.empty())
    publish_written(written, by);
  return written;
}

void l1_events::publish_read(event_keys keys) {
  bus_->publish(event_type::l1_read_finished, {}, l1_keys_details{l1_tag_, keys});
  bus_->publish(event_type::sm_read_prefetched_finished, {},
                sm_keys_details{std::move(keys), no_keys()});
}

void l1_events::publish_written(const key_list& written, cause by) {
  if (by == cause::load) {
    if (bus_->wants(event_type::l1_write_finished_and_read_reserved))
      bus_->publish(event_type::l1_write_finished_and_read_reserved, {},
                    l1_keys_details{l1_tag_, shared(written)});
    return;
  }
  if (!bus_->wants(event_type::l1_write_finished) && !bus_->wants(event_type::sm_write_finished))
    return;
  auto keys = shared(written);
  bus_->publish(event_type::l1_write_finished, {}, l1_keys_details{l1_tag_, keys});
  bus_->publish(event_type::sm_write_finished, {}, sm_keys_details{std::move(keys), no_keys()});
}

void l1_events::asked(const reserve_order& order) {
  trace_reserve_write(*bus_, order);
}

void l1_events::committing(reservation_id reservation) {
  if (const auto write = writing_.extract(reservation))
    if (records_calls(*bus_))
      trace_finish_write(*bus_, write.mapped());
}

void l1_events::gave_up(reservation_id reservation) {
  writing_.erase(reservation);
}

void l1_events::looked_up(const lookup_order& order, const lookup_outcome& outcome) {
  if (!bus_->wants(event_type::l1_read_reserved) && !bus_->wants(event_type::sm_read_prefetched))
    return;
  auto hits = shared(objects_of(order, 0, outcome.hit_chunks));
  const auto end = static_cast<uint32_t>(order.chain->size());
  auto misses = shared(objects_of(order, outcome.hit_chunks, end));
  bus_->publish(event_type::l1_read_reserved, {}, l1_keys_details{l1_tag_, hits});
  bus_->publish(event_type::sm_read_prefetched, {},
                sm_keys_details{std::move(hits), std::move(misses)});
}

void l1_events::reserved(const reserve_order& order, const reserve_outcome& outcome) {
  using code = reserve_outcome::code;
  if (outcome.reservation != 0 && records_calls(*bus_)) {
    writing_[outcome.reservation] = keys_of(order.space, order.range.hashes(), outcome.slots);
    if (writing_.size() > max_writing)
      writing_.erase(writing_.begin());
  }
  if (!bus_->wants(event_type::l1_write_reserved) && !bus_->wants(event_type::sm_write_reserved)
      && !bus_->wants(event_type::l1_allocation_failed))
    return;
  auto granted = shared(objects_of(order, &outcome.slots));
  auto refused
    = outcome.status == code::out_of_memory ? shared(objects_of(order, nullptr)) : no_keys();
  if (outcome.status == code::ok)
    bus_->publish(event_type::l1_write_reserved, {}, l1_keys_details{l1_tag_, granted});
  if (outcome.status == code::out_of_memory)
    bus_->publish(event_type::l1_allocation_failed, {}, failure_details{"l1_store", "", refused});
  bus_->publish(event_type::sm_write_reserved, {},
                sm_keys_details{std::move(granted), std::move(refused)});
}

void l1_events::write_failed() {
  bus_->publish(event_type::sm_write_finished, {}, sm_keys_details{no_keys(), no_keys()});
}

void l1_events::storing(const store_origin& origin, uint32_t chunk_tokens) {
  if (!origin.key || origin.key->worker_id != 0 || !bus_->wants(event_type::mp_tokens))
    return;
  bus_->publish(event_type::mp_tokens, origin.key->request_id,
                tokens_details{origin.range.chain,
                               {origin.key, &origin.key->token_ids},
                               origin.range.first,
                               origin.range.end,
                               chunk_tokens});
}

void l1_events::touched(const touch_order& order) {
  if (!bus_->wants(event_type::l1_keys_accessed))
    return;
  key_list keys;
  const auto space = std::make_shared<const key_space>(order.space);
  for (const auto& hash : *order.chain)
    keys.push_back({space, hash, pack_kv_rank(space->world_size, 0), 0, 0});
  bus_->publish(event_type::l1_keys_accessed, {},
                l1_keys_details{l1_tag_, shared(std::move(keys))});
}

void l1_events::ticked(uint64_t used_bytes, uint64_t total_bytes, double watermark,
                       bool triggered) {
  const auto usage
    = total_bytes > 0 ? static_cast<double>(used_bytes) / static_cast<double>(total_bytes) : 0;
  bus_->publish(event_type::l1_eviction_loop_tick, {},
                eviction_tick_details{usage, watermark, triggered, used_bytes, total_bytes});
}

} // namespace actord
