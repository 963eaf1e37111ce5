// The part of l2_index that takes objects in and out.
#include "storage/l2_index.hpp"

#include <cassert>

namespace actord {

// -- in
// ----------------------------------------------------------------------------------------

void l2_index::admit(object_id id) {
  const auto& fresh = objects_[id];
  policy_->admitted(id, {fresh.fingerprint, fresh.length_bytes, spaces_.salt(fresh.space)});
}

// The policy hears of an object when its write begins: only then is the batch
// whole, so that its tail can take the older place.
store_start l2_index::begin(const object_ref& ref, last_space& last) {
  auto id = find_object(ref, last);
  if (id == nil) {
    id = make_object(ref, last);
    if (id == nil)
      return store_start::full;
  }
  const auto& object = objects_[id];
  switch (object.now) {
    case state::writing:
    case state::cancelled:
    case state::going: return store_start::busy;
    case state::none: // just made
    case state::lost:
      set_state(id, state::writing, ref.length_bytes);
      admit(id);
      return store_start::write;
    case state::resident: break;
  }
  policy_->touched(id);
  if (serves(object.length_bytes, ref.length_bytes))
    return store_start::present;
  if (object.locks > 0)
    return store_start::busy;
  set_state(id, state::writing, ref.length_bytes);
  return store_start::replace;
}

std::vector<store_start> l2_index::begin_store(std::span<const object_ref> refs) {
  std::vector<store_start> result(refs.size());
  last_space last;
  for (auto i = refs.size(); i-- > 0;)
    result[i] = begin(refs[i], last);
  return result;
}

store_end l2_index::stored(const object_ref& ref, uint64_t size_bytes) {
  auto id = find_object(ref);
  if (id == nil)
    return store_end::unknown;
  if (objects_[id].now == state::cancelled) {
    set_state(id, state::going, size_bytes);
    return store_end::erase;
  }
  if (objects_[id].now != state::writing)
    return store_end::unknown;
  set_state(id, state::resident, size_bytes);
  return store_end::kept;
}

void l2_index::store_failed(const object_ref& ref) {
  auto id = find_object(ref);
  if (id != nil && (objects_[id].now == state::writing || objects_[id].now == state::cancelled))
    drop(id, false);
}

size_t l2_index::learned(std::span<const object_ref> refs) {
  size_t result = 0;
  last_space last;
  for (const auto& ref : refs) {
    if (find_object(ref, last) != nil)
      continue;
    auto id = make_object(ref, last);
    if (id == nil)
      continue;
    set_state(id, state::resident, ref.length_bytes);
    admit(id);
    ++result;
  }
  return result;
}

// -- out
// ----------------------------------------------------------------------------------------

erase_start l2_index::plan(object_id id) {
  if (id == nil || objects_[id].now == state::lost)
    return erase_start::absent;
  const auto& object = objects_[id];
  if (object.now == state::going)
    return erase_start::going;
  if (object.locks > 0)
    return erase_start::locked;
  if (object.now == state::resident) {
    set_state(id, state::going, object.length_bytes);
    return erase_start::erase;
  }
  set_state(id, state::cancelled, object.length_bytes);
  return erase_start::cancelled;
}

std::vector<erase_start> l2_index::plan_erase(std::span<const object_ref> refs) {
  std::vector<erase_start> result;
  result.reserve(refs.size());
  last_space last;
  for (const auto& ref : refs)
    result.push_back(plan(find_object(ref, last)));
  return result;
}

std::optional<uint64_t> l2_index::erased(const object_ref& ref) {
  auto id = find_object(ref);
  if (id == nil || objects_[id].now != state::going)
    return std::nullopt;
  auto length = objects_[id].length_bytes;
  drop(id, objects_[id].victim);
  return length;
}

void l2_index::erase_failed(const object_ref& ref) {
  auto id = find_object(ref);
  if (id == nil || objects_[id].now != state::going)
    return;
  objects_[id].victim = false;
  set_state(id, state::resident, objects_[id].length_bytes);
}

void l2_index::drop(object_id id, bool evicted) {
  assert(objects_[id].ordered());
  policy_->removed(id, evicted);
  set_state(id, state::lost, 0);
  forget_if_unlocked(id);
}

void l2_index::forget_if_unlocked(object_id id) {
  assert(objects_[id].now == state::lost);
  if (objects_[id].locks > 0)
    return;
  objects_[id].now = state::none;
  auto space = objects_[id].space;
  objects_.erase(id);
  spaces_.drop_reference(space);
}

} // namespace actord
