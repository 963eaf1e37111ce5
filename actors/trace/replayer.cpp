#include "actors/trace/replayer.hpp"

#include "actors/log.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <utility>

namespace actord {

namespace {

using trace::key_list;

constexpr uint32_t most_groups = 256;
constexpr int64_t most_shares = 128;

uint32_t rank_of(const object_ref& key) {
  return key.kv_rank >> 16 & 0xff;
}

// What keeps keys from being names of objects; "" when nothing does.
std::string key_fault(const key_list& keys) {
  for (const auto& key : keys) {
    const auto world = key.kv_rank >> 24;
    if (world == 0 || rank_of(key) >= world)
      return "kv_rank " + std::to_string(key.kv_rank) + " is no rank of a world";
    if (key.object_group_id >= most_groups)
      return "object_group_id " + std::to_string(key.object_group_id) + " is above "
             + std::to_string(most_groups - 1);
  }
  return {};
}

// The keys by whatever `same` finds equal in two of them, in the order of their first.
template <class Same>
std::vector<key_list> parted(const key_list& keys, Same same) {
  std::vector<key_list> result;
  for (const auto& key : keys) {
    auto part = std::ranges::find_if(result, [&](const key_list& known) {
      return same(known.front(), key);
    });
    if (part == result.end())
      part = result.insert(part, key_list{});
    part->push_back(key);
  }
  return result;
}

bool same_writer(const object_ref& one, const object_ref& other) {
  return one.kv_rank == other.kv_rank && *one.space == *other.space;
}

bool same_objects(const object_ref& one, const object_ref& other) {
  return one.object_group_id == other.object_group_id && same_writer(one, other);
}

std::string fingerprint(const key_list& keys) {
  std::string result;
  for (const auto& key : keys) {
    result.append(reinterpret_cast<const char*>(key.hash.bytes.data()), key.hash.bytes.size());
    for (const uint32_t number : {key.kv_rank, key.object_group_id})
      result.append(reinterpret_cast<const char*>(&number), sizeof number);
    result.append(key.space->model_name).append(1, '\0').append(key.space->cache_salt);
    result.append(1, '\0');
  }
  return result;
}

// Layouts where one group counts and the others do not.
std::vector<group_layout> only(std::vector<group_layout> groups, uint32_t group) {
  for (uint32_t i = 0; i < groups.size(); ++i)
    groups[i].aux |= i != group;
  return groups;
}

uint64_t shares_of(int64_t wanted) {
  return static_cast<uint64_t>(std::clamp<int64_t>(wanted, 1, most_shares));
}

} // namespace

replay_outcome replayer::replay(const trace::call& what) {
  drop_old();
  return std::visit([this](const auto& call) { return run(call); }, what);
}

// The peer's bytes are unknown: ours are made of a seed and the key, so that they are the same in
// every replay.
void replayer::fill(const slot& where, const object_ref& key) {
  if (!world_.memory())
    return;
  auto state = seed_ ^ key.hash.word() ^ (uint64_t{key.kv_rank} << 32) ^ key.object_group_id;
  auto* to = world_.memory() + where.offset_bytes;
  for (uint64_t left = where.length_bytes; left > 0;) {
    state += 0x9e3779b97f4a7c15; // splitmix64
    auto word = state;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    word ^= word >> 31;
    const auto bytes = std::min<uint64_t>(left, sizeof word);
    std::memcpy(to, &word, bytes);
    to += bytes;
    left -= bytes;
  }
}

void replayer::reserve(const key_list& keys, uint64_t object_bytes) {
  const auto group = keys.front().object_group_id;
  auto chain = std::make_shared<std::vector<chunk_hash>>();
  for (const auto& key : keys)
    chain->push_back(key.hash);
  reserve_order order;
  order.space = *keys.front().space;
  order.range = {chain, 0, static_cast<uint32_t>(chain->size()), 0};
  order.rank = static_cast<uint16_t>(rank_of(keys.front()));
  order.groups.resize(group + 1, {-1, object_bytes, false});
  order.skip = [group](uint32_t, uint16_t other) { return other != group; };
  const auto got = world_.ask<reserve_outcome>(world_.l1(), atom::reserve_v, box(std::move(order)));
  if (!got)
    return;
  for (const auto& slot : got->slots) {
    const auto& key = keys[slot.chunk];
    fill(slot, key);
    writing_[to_key(key)] = got->reservation;
  }
}

replay_outcome replayer::run(const trace::reserve_write_call& what) {
  const auto bytes = trace::object_bytes(what.layout);
  if (!bytes || *bytes == 0)
    return {"the layout does not tell a size"};
  if (auto fault = key_fault(what.keys); !fault.empty())
    return {std::move(fault)};
  for (const auto& part : parted(what.keys, same_objects))
    reserve(part, *bytes);
  return {};
}

replay_outcome replayer::run(const trace::finish_write_call& what) {
  std::set<reservation_id> done;
  for (const auto& key : what.keys)
    if (const auto write = writing_.extract(to_key(key)))
      if (done.insert(write.mapped()).second)
        world_.ask<bool>(world_.l1(), atom::commit_v, write.mapped(), box(store_origin{}));
  return {};
}

replayer::wish replayer::wish_of(const trace::submit_prefetch_call& what) {
  lookup_order result;
  auto chain = std::make_shared<std::vector<chunk_hash>>();
  std::set<chunk_hash> known;
  for (const auto& group : what.groups) {
    if (auto fault = key_fault(group.keys); !fault.empty())
      return {{}, std::move(fault)};
    const auto bytes = trace::object_bytes(group.layout);
    if (!bytes || *bytes == 0)
      return {{}, "a layout does not tell a size"};
    if (group.object_group_id >= most_groups)
      return {{}, "an object_group_id is above " + std::to_string(most_groups - 1)};
    if (result.groups.size() <= group.object_group_id)
      result.groups.resize(group.object_group_id + 1, {-1, 1, true});
    result.groups[group.object_group_id]
      = {group.sliding_window_size > 0 ? static_cast<int32_t>(group.sliding_window_size) : -1,
         *bytes, false};
    for (const auto& key : group.keys) {
      if (known.empty())
        result.space = *key.space;
      if (*key.space != result.space)
        return {{}, "keys of several models or salts in one lookup"};
      if (known.insert(key.hash).second)
        chain->push_back(key.hash);
    }
  }
  result.chain = std::move(chain);
  result.shares = static_cast<uint32_t>(shares_of(what.kv_readers));
  return {box(std::move(result)), {}};
}

replay_outcome replayer::run(const trace::submit_prefetch_call& what) {
  auto [lookup, fault] = wish_of(what);
  if (!fault.empty())
    return {std::move(fault)};
  if (lookup->chain->empty())
    return {};
  const bool behind = world_.prefetcher() && !what.skip_l2;
  const auto asking = box(prefetch_order{lookup.value, what.external_request_id, ++lookups_});
  if (!what.lock) { // a warm prefetch holds nothing
    if (behind)
      world_.ask<caf::ok_atom>(world_.prefetcher(), atom::load_v, asking);
    return {};
  }
  auto found
    = world_.ask<lookup_outcome>(world_.l1(), atom::lookup_v, lookup).value_or(lookup_outcome{});
  if (behind && found.hit_chunks < lookup->chain->size()) {
    const auto more = world_.ask<prefetch_outcome>(world_.prefetcher(), atom::lookup_v, asking);
    if (more) {
      const bool longer = more->hit.hit_chunks > found.hit_chunks;
      const auto spare = longer ? found.lease : more->hit.lease;
      if (longer)
        found = more->hit;
      if (spare != 0)
        world_.tell(world_.l1(), atom::close_v, spare);
    }
  }
  hold(*lookup, found);
  return {{}, lookup->chain->size(), found.hit_chunks};
}

void replayer::hold(const lookup_order& order, const lookup_outcome& found) {
  if (found.lease == 0)
    return;
  holding one;
  one.lease = found.lease;
  one.since_s = world_.now_s();
  one.space = order.space;
  one.groups = order.groups;
  one.hit_chunks = found.hit_chunks;
  one.units_left = uint64_t{found.hit_chunks} * order.space.world_size * order.shares;
  for (uint32_t i = 0; i < found.hit_chunks; ++i)
    one.place.emplace((*order.chain)[i].word(), i);
  held_.push_back(std::move(one));
}

// The oldest lookup that holds these chunks, which follow each other.
std::optional<replayer::held_range> replayer::find_held(const key_list& keys, uint32_t group) {
  for (auto each = held_.begin(); each != held_.end(); ++each) {
    if (each->space != *keys.front().space || group >= each->groups.size())
      continue;
    const auto first = each->place.find(keys.front().hash.word());
    const auto last = each->place.find(keys.back().hash.word());
    if (first != each->place.end() && last != each->place.end() && first->second <= last->second)
      return held_range{each, first->second, last->second + 1};
  }
  return std::nullopt;
}

// Its shares are used up: nobody will ask for it again.
void replayer::use(std::list<holding>::iterator holder, uint64_t units) {
  if (units < holder->units_left) {
    holder->units_left -= units;
    return;
  }
  world_.tell(world_.l1(), atom::close_v, holder->lease);
  held_.erase(holder);
}

replay_outcome replayer::run(const trace::read_enter_call& what) {
  if (auto fault = key_fault(what.keys); !fault.empty())
    return {std::move(fault)};
  std::vector<claim_id> claims;
  std::set<uint32_t> counted; // ranks: a lookup's units are chunks and ranks, not groups
  for (const auto& part : parted(what.keys, same_objects)) {
    const auto group = part.front().object_group_id;
    const auto held = find_held(part, group);
    if (!held)
      continue; // a miss
    const auto rank = static_cast<uint16_t>(rank_of(part.front()));
    const auto got
      = world_.ask<claim_outcome>(world_.l1(), atom::claim_v,
                                  claim_order{held->holder->lease, rank, held->first, held->end,
                                              only(held->holder->groups, group)});
    if (!got || got->claim == 0)
      continue;
    claims.push_back(got->claim);
    const bool last_group
      = std::ranges::count(held->holder->groups, false, &group_layout::aux) == 1;
    if (last_group && counted.insert(rank).second)
      use(held->holder, held->end - held->first);
  }
  entered_[fingerprint(what.keys)].push_back(std::move(claims));
  return {};
}

replay_outcome replayer::run(const trace::read_exit_call& what) {
  auto name = fingerprint(what.keys);
  const auto open = entered_.find(name);
  if (open == entered_.end()) {
    log_warn(log_part::trace,
             "trace replay: read_prefetched_results.__exit__ with no matching __enter__ (keys={}); "
             "ignoring",
             what.keys.size());
    return {};
  }
  exited_[std::move(name)].push_back(std::move(open->second.front()));
  open->second.pop_front();
  if (open->second.empty())
    entered_.erase(open);
  return {};
}

replay_outcome replayer::run(const trace::finish_read_call& what) {
  if (auto fault = key_fault(what.keys); !fault.empty())
    return {std::move(fault)};
  auto shares = static_cast<int64_t>(shares_of(what.read_locks));
  if (const auto read = exited_.find(fingerprint(what.keys)); read != exited_.end()) {
    for (const auto claim : read->second.front())
      world_.tell(world_.l1(), atom::finish_v, claim);
    read->second.pop_front();
    if (read->second.empty())
      exited_.erase(read);
    --shares;
  }
  if (shares == 0)
    return {};
  for (const auto& part : parted(what.keys, same_writer)) {
    const auto held = find_held(part, part.front().object_group_id);
    if (!held)
      continue;
    world_.tell(world_.l1(), atom::release_v,
                release_order{held->holder->lease, static_cast<uint16_t>(rank_of(part.front())),
                              held->first, held->end, static_cast<uint32_t>(shares)});
    use(held->holder, (held->end - held->first) * static_cast<uint64_t>(shares));
  }
  return {};
}

void replayer::drop_old() {
  const auto limit_s = world_.now_s() - static_cast<double>(world_.read_ttl_ms()) / 1000;
  while (!held_.empty() && held_.front().since_s < limit_s)
    held_.pop_front(); // L1 has closed its lease by itself
}

void replayer::finish() {
  for (auto* reads : {&entered_, &exited_}) {
    for (const auto& [keys, all] : *reads)
      for (const auto& claims : all)
        for (const auto claim : claims)
          world_.tell(world_.l1(), atom::finish_v, claim);
    reads->clear();
  }
  for (const auto& each : held_)
    world_.tell(world_.l1(), atom::close_v, each.lease);
  held_.clear();
  std::set<reservation_id> open;
  for (const auto& [key, reservation] : writing_)
    if (open.insert(reservation).second)
      world_.tell(world_.l1(), atom::abort_v, reservation);
  writing_.clear();
}

} // namespace actord
