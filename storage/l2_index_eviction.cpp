// The part of l2_index that plans victims, and its recount.
#include "storage/l2_index.hpp"
#include "storage/largest_salts.hpp"

#include <map>

namespace actord {

std::vector<object_ref>
l2_index::plan_evict(uint64_t goal_bytes, size_t max_objects, std::optional<salt_id> salt) {
  std::vector<object_id> victims;
  if (config_.eviction == eviction_kind::isolated_lru && !salt)
    take_from_largest_salts(spaces_, goal_bytes, max_objects,
                            [&](uint64_t goal, size_t most, salt_id largest) {
                              auto before = victims.size();
                              auto gone = plan_walk(goal, most, largest, victims);
                              return std::pair{gone, victims.size() - before};
                            });
  else
    plan_walk(goal_bytes, max_objects, salt, victims);
  std::vector<object_ref> result;
  result.reserve(victims.size());
  for (auto id : victims)
    result.push_back(ref_of(objects_[id]));
  return result;
}

/// Marks victims as going and appends them; returns their bytes.
uint64_t l2_index::plan_walk(uint64_t goal_bytes, size_t max_objects, std::optional<salt_id> salt,
                             std::vector<object_id>& victims) {
  // Nothing evictable: no walk past everything that is locked or going.
  if (counts_.evictable == 0)
    return 0;
  auto first = victims.size();
  uint64_t freed = 0;
  policy_->walk(salt, [&](column_id id) {
    if (freed >= goal_bytes || victims.size() - first >= max_objects)
      return offer_answer::stop;
    if (!objects_[id].evictable())
      return offer_answer::refused;
    freed += objects_[id].length_bytes;
    victims.push_back(id);
    return offer_answer::taken;
  });
  for (auto i = first; i < victims.size(); ++i) {
    objects_[victims[i]].victim = true;
    set_state(victims[i], state::going, objects_[victims[i]].length_bytes);
  }
  return freed;
}

bool l2_index::consistent() const {
  counts seen;
  std::vector<uint64_t> space_bytes(held_.size()), space_objects(held_.size());
  std::map<salt_id, uint64_t> salt_bytes;
  uint64_t records = 0, ordered = 0, offered = 0;
  bool holds = true;
  for (object_id id = 0; id < objects_.touched(); ++id) {
    const auto& object = objects_[id];
    if (object.now == state::none)
      continue;
    ++records;
    ordered += object.ordered() ? 1 : 0;
    seen.tally(object, true);
    holds &= find_object(ref_of(object)) == id && object.birth < births_
             && (object.now != state::lost || object.locks > 0)
             && (object.now == state::going || !object.victim);
    if (!object.counted())
      continue;
    space_bytes[object.space] += object.length_bytes;
    ++space_objects[object.space];
    salt_bytes[spaces_.salt(object.space)] += object.length_bytes;
  }
  for (uint32_t slot = 0; slot < held_.size(); ++slot) {
    holds &= held_[slot].objects == space_objects[slot];
    holds &= space_objects[slot] == 0 || spaces_.bytes(slot) == space_bytes[slot];
  }
  for (const auto& [id, salt] : spaces_.salts())
    holds &= salt.bytes == salt_bytes[id];
  policy_->walk(std::nullopt, [&](column_id id) {
    ++offered;
    holds &= objects_[id].ordered();
    return offer_answer::refused;
  });
  return holds && records == objects_.size() && seen == counts_
         && offered == (config_.eviction == eviction_kind::noop ? 0 : ordered);
}

} // namespace actord
