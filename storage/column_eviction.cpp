// The part of column_store that makes room.
#include "storage/column_store.hpp"
#include "storage/largest_salts.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace actord {

uint64_t column_store::evictable_bytes() const noexcept {
  return policy_->kind() == eviction_kind::noop ? 0 : evictable_bytes_;
}

bool column_store::allocate(std::span<const uint64_t> sizes, std::vector<uint64_t>& offsets) {
  uint64_t wanted = 0, largest = 0;
  for (auto size : sizes) {
    if (size > pool_.total_bytes() - wanted || pool_.aligned(size) > pool_.total_bytes() - wanted)
      return false;
    wanted += pool_.aligned(size);
    largest = std::max(largest, pool_.aligned(size));
  }
  if (wanted > pool_.free_bytes() + evictable_bytes())
    return false;
  if (wanted > pool_.free_bytes())
    evict(wanted - pool_.free_bytes(), SIZE_MAX, std::nullopt);
  // Enough bytes may still lie in pieces that are too small: clear in growing
  // steps, so that the number of attempts is logarithmic.
  for (auto step = largest; !pool_.allocate(sizes, offsets); step *= 2)
    if (evict(step, SIZE_MAX, std::nullopt) == 0)
      return false;
  return true;
}

uint64_t column_store::evict(uint64_t goal_bytes, size_t max_columns, std::optional<salt_id> salt) {
  if (policy_->kind() == eviction_kind::isolated_lru && !salt)
    return take_from_largest_salts(spaces_, goal_bytes, max_columns,
                                   [&](uint64_t goal, size_t most, salt_id largest) {
                                     auto before = counts_.columns;
                                     auto gone = evict_clean_first(goal, most, largest);
                                     return std::pair{gone, size_t{before - counts_.columns}};
                                   });
  return evict_clean_first(goal_bytes, max_columns, salt);
}

uint64_t column_store::evict_clean_first(uint64_t goal_bytes, size_t max_columns,
                                         std::optional<salt_id> salt) {
  const auto before = counts_.columns;
  auto freed = evict_walk(goal_bytes, max_columns, salt, choice::clean);
  const auto gone = before - counts_.columns;
  // What no store has yet is lost for good: only where nothing else is left.
  if (freed < goal_bytes && gone < max_columns && counts_.dirty > 0)
    freed += evict_walk(goal_bytes - freed, max_columns - gone, salt, choice::any);
  return freed;
}

uint64_t column_store::evict_walk(uint64_t goal_bytes, size_t max_columns,
                                  std::optional<salt_id> salt, choice which) {
  victims_.clear();
  uint64_t freed = 0;
  // Nothing evictable: no walk past every leased column.
  if (evictable_bytes_ == 0)
    return 0;
  policy_->walk(salt, [&](column_id id) {
    if (freed >= goal_bytes || victims_.size() >= max_columns)
      return offer_answer::stop;
    if (columns_[id].pins > 0 || (which == choice::clean && columns_[id].dirty))
      return offer_answer::refused;
    freed += columns_[id].bytes;
    victims_.push_back(id);
    return offer_answer::taken;
  });
  // An unpinned column has resident, unread cells only, and goes with the last
  // of them.
  for (auto id : victims_)
    for_cells(id, [&](cell_id resident, const cell&) { unlink(resident, true); });
  return freed;
}

bool column_store::consistent() const {
  if (!pool_.consistent())
    return false;
  counts seen;
  uint64_t evictable = 0;
  bool columns_hold = true;
  uint32_t columns = 0, linked = 0;
  std::map<salt_id, uint64_t> salt_bytes;
  for_columns([&](column_id id) {
    ++columns;
    columns_hold &= consistent_column(id, seen, evictable);
    for_cells(id, [&](cell_id, const cell&) { ++linked; });
    salt_bytes[spaces_.salt(columns_[id].space)] += columns_[id].bytes;
  });
  for (const auto& [id, salt] : spaces_.salts())
    if (salt.bytes != salt_bytes[id])
      return false;
  return columns_hold && columns == columns_.size() && linked <= cells_.in_use()
         && seen.resident == counts_.resident && seen.read == counts_.read
         && seen.staged <= counts_.staged && seen.columns == counts_.columns
         && seen.temporary == counts_.temporary && seen.dirty == counts_.dirty
         && seen.staging_bytes <= counts_.staging_bytes && evictable == evictable_bytes_;
}

bool column_store::consistent_column(column_id id, counts& seen, uint64_t& evictable) const {
  const auto& target = columns_[id];
  uint64_t bytes = 0;
  uint32_t pins = 0;
  bool cells_hold = true, dirty = false;
  for_cells(id, [&](cell_id, const cell& c) {
    cells_hold &= c.column == id;
    pins += c.staged() || c.readers > 0 ? 1 : 0;
    if (c.staged()) {
      ++seen.staged;
      seen.staging_bytes += c.length;
      return;
    }
    bytes += pool_.aligned(c.length);
    ++seen.resident;
    seen.read += c.readers > 0 ? 1 : 0;
    seen.temporary += c.temporary ? 1 : 0;
    seen.dirty += c.dirty ? 1 : 0;
    dirty |= c.dirty;
  });
  seen.columns += bytes > 0 ? 1 : 0;
  if (pins == 0)
    evictable += bytes;
  return cells_hold && bytes == target.bytes && pins == target.pins && (!dirty || target.dirty)
         && find(target.space, target.hash) == id;
}

} // namespace actord
