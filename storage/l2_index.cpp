#include "storage/l2_index.hpp"

#include <algorithm>
#include <cassert>
#include <map>

namespace actord {

namespace {

// A space with its names, its salt and their nodes in five tables.
constexpr uint64_t space_bytes = 640;

} // namespace

l2_index::l2_index(const config& cfg)
  : config_{cfg}, policy_{make_eviction_policy(cfg.eviction,
                                               std::min(cfg.expected_objects, cfg.max_objects))},
    objects_{std::min(cfg.max_objects, nil - 1)} {
}

l2_index::~l2_index() = default;

// -- names
// ----------------------------------------------------------------------------------------

uint32_t l2_index::find_space(const object_ref& ref, last_space& last) const {
  assert(ref.space != nullptr);
  auto world = world_of(ref.kv_rank);
  if (last.name == ref.space.get() && last.world == world)
    return last.slot;
  // Names are the same by their five fields, whatever world the space says.
  auto id = ref.space->world_size == world
              ? spaces_.find(*ref.space)
              : spaces_.find({ref.space->model_name, world, ref.space->cache_salt});
  last = {ref.space.get(), world, id ? spaces_.slot_of(*id) : nil};
  return last.slot;
}

uint32_t l2_index::make_space(const object_ref& ref, last_space& last) {
  if (auto found = find_space(ref, last); found != nil)
    return found;
  auto name = ref.space;
  if (name->world_size != last.world)
    name = std::make_shared<const key_space>(
      key_space{name->model_name, last.world, name->cache_salt});
  last.slot = spaces_.slot_of(spaces_.intern(*name));
  if (held_.size() <= last.slot)
    held_.resize(last.slot + 1);
  held_[last.slot] = {std::move(name), 0};
  return last.slot;
}

uint64_t l2_index::fingerprint(uint32_t space, const object_ref& ref) const {
  // Ids of spaces are not reused, so a ghost never takes one tenant's object
  // for another's.
  auto part = uint64_t{ref.kv_rank} << 32 | ref.object_group_id;
  auto mixed = ref.hash.word() ^ spaces_.id(space) * 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93u;
  mixed = (mixed ^ part * 0xff51afd7ed558ccdu ^ mixed >> 32) * 0xd6e8feb86659fd93u;
  return mixed ^ mixed >> 32;
}

l2_index::object_id l2_index::find_object(const object_ref& ref, last_space& last) const {
  auto space = find_space(ref, last);
  if (space == nil)
    return nil;
  return objects_.find(fingerprint(space, ref), [&](const l2_object& each) {
    return each.space == space && each.kv_rank == ref.kv_rank && each.group == ref.object_group_id
           && each.hash == ref.hash;
  });
}

l2_index::object_id l2_index::make_object(const object_ref& ref, last_space& last) {
  if (objects_.size() == objects_.capacity()) {
    ++full_;
    return nil;
  }
  auto space = make_space(ref, last);
  auto id = objects_.insert(fingerprint(space, ref));
  auto& fresh = objects_[id];
  fresh.hash = ref.hash;
  fresh.birth = births_++;
  fresh.space = space;
  fresh.kv_rank = ref.kv_rank;
  fresh.group = ref.object_group_id;
  spaces_.add_reference(space);
  return id;
}

object_ref l2_index::ref_of(const l2_object& object) const {
  return {held_[object.space].name, object.hash, object.kv_rank, object.group, object.length_bytes};
}

// -- sums
// ----------------------------------------------------------------------------------------

void l2_index::counts::tally(const l2_object& object, bool on) {
  auto add = [on](uint64_t& sum, uint64_t what) { sum = on ? sum + what : sum - what; };
  if (object.counted()) {
    add(objects, 1);
    add(bytes, object.length_bytes);
  }
  if (object.now == state::going) {
    add(going, 1);
    add(going_bytes, object.length_bytes);
  }
  if (object.evictable()) {
    add(evictable, 1);
    add(evictable_bytes, object.length_bytes);
  }
  if (object.now == state::writing || object.now == state::cancelled)
    add(writing, 1);
  if (object.locks > 0)
    add(locked, 1);
}

void l2_index::set_locks(object_id id, uint32_t locks) {
  auto& object = objects_[id];
  counts_.tally(object, false);
  object.locks = locks;
  counts_.tally(object, true);
}

void l2_index::set_state(object_id id, state now, uint64_t length_bytes) {
  auto& object = objects_[id];
  auto& held = held_[object.space].objects;
  counts_.tally(object, false);
  if (object.counted()) {
    spaces_.take_bytes(object.space, object.length_bytes);
    --held;
  }
  object.now = now;
  object.length_bytes = length_bytes;
  counts_.tally(object, true);
  if (object.counted()) {
    spaces_.add_bytes(object.space, length_bytes);
    ++held;
  }
}

l2_usage l2_index::usage() const {
  l2_usage result;
  auto evicts = config_.eviction != eviction_kind::noop;
  result.used_bytes = counts_.bytes;
  result.capacity_bytes = config_.capacity_bytes;
  result.going_bytes = counts_.going_bytes;
  result.evictable_bytes = evicts ? counts_.evictable_bytes : 0;
  result.index_bytes = table_bytes();
  result.objects = counts_.objects;
  result.going_objects = counts_.going;
  result.evictable_objects = evicts ? counts_.evictable : 0;
  result.writing_objects = counts_.writing;
  result.locked_objects = counts_.locked;
  result.too_short = too_short_;
  result.wrong_length = wrong_length_;
  result.full = full_;
  return result;
}

std::vector<l2_salt_usage> l2_index::salts() const {
  std::map<salt_id, uint64_t> objects;
  for (uint32_t slot = 0; slot < held_.size(); ++slot)
    if (held_[slot].objects > 0)
      objects[spaces_.salt(slot)] += held_[slot].objects;
  std::vector<l2_salt_usage> result;
  for (const auto& [id, salt] : spaces_.salts())
    if (salt.bytes > 0)
      result.push_back({salt.name, salt.bytes, objects[id]});
  return result;
}

uint64_t l2_index::table_bytes() const noexcept {
  return objects_.touched_bytes() + policy_->table_bytes() + held_.capacity() * sizeof(held_space)
         + spaces_.size() * space_bytes;
}

// -- reading
// ----------------------------------------------------------------------------------------

std::optional<uint64_t> l2_index::find(const object_ref& ref) const {
  auto id = find_object(ref);
  if (id == nil || objects_[id].now != state::resident)
    return std::nullopt;
  return objects_[id].length_bytes;
}

bool l2_index::serves(uint64_t stored, uint64_t wanted) const noexcept {
  return wanted == 0
         || (stored >= wanted && stored - wanted < std::max<uint64_t>(config_.alignment_bytes, 1));
}

std::vector<std::optional<uint64_t>> l2_index::lock(std::span<const object_ref> refs) {
  std::vector<std::optional<uint64_t>> result(refs.size());
  last_space last;
  for (size_t i = 0; i < refs.size(); ++i) {
    auto id = find_object(refs[i], last);
    if (id == nil || objects_[id].now != state::resident)
      continue;
    auto stored = objects_[id].length_bytes;
    if (!serves(stored, refs[i].length_bytes)) {
      ++(stored < refs[i].length_bytes ? too_short_ : wrong_length_);
      continue;
    }
    if (objects_[id].locks == UINT32_MAX)
      continue;
    set_locks(id, objects_[id].locks + 1);
    result[i] = stored;
  }
  return result;
}

void l2_index::unlock(std::span<const object_ref> refs) {
  last_space last;
  for (const auto& ref : refs) {
    auto id = find_object(ref, last);
    if (id == nil || objects_[id].locks == 0)
      continue;
    set_locks(id, objects_[id].locks - 1);
    if (objects_[id].now == state::lost)
      forget_if_unlocked(id);
  }
}

void l2_index::touch(std::span<const object_ref> refs) {
  last_space last;
  for (auto ref = refs.rbegin(); ref != refs.rend(); ++ref)
    if (auto id = find_object(*ref, last); id != nil && objects_[id].now == state::resident)
      policy_->touched(id);
}

std::optional<uint64_t> l2_index::gone(const object_ref& ref) {
  auto id = find_object(ref);
  // What is going already goes its way: a delete that is on its way must not
  // meet a new object of that name.
  if (id == nil || objects_[id].now != state::resident)
    return std::nullopt;
  auto length = objects_[id].length_bytes;
  drop(id, false);
  return length;
}

} // namespace actord
