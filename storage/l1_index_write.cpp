// The writers' part of l1_index: reservations.
#include "storage/l1_index.hpp"

#include <algorithm>
#include <cassert>

namespace actord {

/// Whether an object needs a buffer, and the resident object of another length
/// that it replaces.
l1_index::want l1_index::wanted(column_id column, uint16_t rank, uint16_t group, uint64_t length,
                                uint64_t tag) const {
  want result;
  if (column == nil)
    return result;
  store_.for_cells(column, [&](cell_id id, const cell& present) {
    if (present.rank != rank || present.group != group)
      return;
    if (present.staged())
      result.write &= reservations_.at_slot(present.reservation).tag != tag;
    else if (present.length == length || present.readers > 0)
      result.write = false;
    else
      result.stale = id;
  });
  return result;
}

/// Stages what is to be written; false when the tables are full. Keys named
/// twice are staged once, since the first is found as written under the tag.
bool l1_index::stage(uint32_t space, std::span<const chunk_hash> chain, uint16_t rank,
                     std::span<const group_layout> groups, reservation_id id,
                     const skip_object& skip, std::vector<slot>& slots) {
  auto& reservation = *reservations_.find(id);
  for (uint32_t chunk = 0; chunk < chain.size(); ++chunk) {
    for (size_t g = 0; g < groups.size(); ++g) {
      auto group = static_cast<uint16_t>(g);
      auto length = groups[g].object_bytes;
      if (skip && skip(chunk, group))
        continue;
      auto column = store_.find(space, chain[chunk]);
      auto [write, stale] = wanted(column, rank, group, length, reservation.tag);
      if (!write)
        continue;
      auto staged = store_.stage(space, chain[chunk], rank, group, length,
                                 id_table<reservation_state>::slot_of(id));
      if (staged == nil)
        return false;
      reservation.cells.push_back(staged);
      ++reservation.linked;
      slots.push_back({chunk, group, rank, 0, length});
      if (stale != nil)
        store_.unlink(stale);
    }
  }
  return true;
}

/// Gives the staged cells buffers; false when the pool cannot hold them.
bool l1_index::back(reservation_state& reservation, uint32_t space,
                    std::span<const chunk_hash> chain, std::vector<slot>& slots) {
  sizes_.clear();
  offsets_.clear();
  for (const auto& each : slots)
    sizes_.push_back(each.length_bytes);
  auto fits = store_.pool().allocate(sizes_, offsets_) || evict_for(space, chain);
  if (!fits)
    return false;
  for (size_t i = 0; i < slots.size(); ++i) {
    store_.back(reservation.cells[i], offsets_[i]);
    slots[i].offset_bytes = offsets_[i];
  }
  return true;
}

/// Allocates sizes_ in place of other chunks: a store must not eat its own
/// prefix.
bool l1_index::evict_for(uint32_t space, std::span<const chunk_hash> chain) {
  columns_.clear();
  for (const auto& hash : chain)
    if (auto column = store_.find(space, hash); column != nil)
      columns_.push_back(column);
  for (auto column : columns_)
    store_.pin(column);
  auto fits = store_.allocate(sizes_, offsets_);
  for (auto column : columns_)
    store_.unpin(column);
  return fits;
}

reserve_outcome l1_index::reserve(space_id space, std::span<const chunk_hash> chain, uint16_t rank,
                                  std::span<const group_layout> groups, uint64_t tag, time_ms now,
                                  const skip_object& skip) {
  assert(groups.size() <= UINT16_MAX);
  expire(now);
  using code = reserve_outcome::code;
  reserve_outcome result;
  auto at = store_.spaces().slot_of(space);
  auto id = at == nil ? 0 : reservations_.create({now + config_.write_ttl_ms, tag, {}});
  if (id == 0) {
    result.status = code::out_of_memory;
    return result;
  }
  assert(rank < store_.spaces().space(at).world_size);
  auto& reservation = *reservations_.find(id);
  if (!stage(at, chain, rank, groups, id, skip, result.slots)
      || (!result.slots.empty() && !back(reservation, at, chain, result.slots))) {
    result.status = code::out_of_memory;
    result.slots.clear();
  } else if (result.slots.empty()) {
    result.status = code::nothing_to_write;
  } else {
    result.reservation = id;
    return result;
  }
  end_reservation(id);
  return result;
}

bool l1_index::commit(reservation_id id, time_ms now) {
  auto* reservation = reservations_.find(id);
  if (reservation == nullptr)
    return false;
  if (now >= reservation->deadline || reservation->linked == 0) {
    end_reservation(id);
    return false;
  }
  settle_all(id);
  return true;
}

/// Makes a reservation's objects resident and forgets it; returns how many there are.
size_t l1_index::settle_all(reservation_id id) {
  auto& reservation = *reservations_.find(id);
  size_t settled = 0;
  columns_.clear();
  for (auto staged : std::exchange(reservation.cells, {})) {
    if (store_.at_cell(staged).column == nil) {
      store_.discard(staged);
      --detached_cells_;
      continue;
    }
    const auto& object = store_.at_cell(staged);
    const bool first = store_.resident_cell(object.column, object.rank, object.group) == nil;
    if (auto fresh = store_.settle(staged); fresh != nil)
      columns_.push_back(fresh);
    settled += first ? 1 : 0;
    if (first && reservation.temporary)
      store_.make_temporary(staged);
    if (first && keep_dirty_ && !reservation.loading)
      store_.set_dirty(staged, true);
  }
  for (auto fresh = columns_.rbegin(); fresh != columns_.rend(); ++fresh)
    store_.admit(*fresh);
  reservations_.erase(id);
  return settled;
}

void l1_index::cleaned(std::span<const object_ref> objects) {
  for (const auto& object : objects)
    if (const auto id = resident(object); id != nil)
      store_.set_dirty(id, false);
}

void l1_index::mark_loading(reservation_id id, bool temporary) {
  if (auto* reservation = reservations_.find(id)) {
    reservation->loading = true;
    reservation->temporary = temporary;
  }
}

size_t l1_index::commit_loaded(reservation_id id, const std::vector<bool>& loaded) {
  auto* reservation = reservations_.find(id);
  if (reservation == nullptr)
    return 0;
  assert(reservation->loading && loaded.size() == reservation->cells.size());
  if (reservation->linked == 0) {
    end_reservation(id);
    return 0;
  }
  // Those that did not come go first; what is left is an ordinary commit.
  size_t kept = 0;
  for (size_t i = 0; i < loaded.size(); ++i) {
    const auto staged = reservation->cells[i];
    const bool linked = store_.at_cell(staged).column != nil;
    if (loaded[i] && linked) {
      reservation->cells[kept++] = staged;
      continue;
    }
    store_.discard(staged);
    if (linked)
      --reservation->linked;
    else
      --detached_cells_;
  }
  reservation->cells.resize(kept);
  return settle_all(id);
}

void l1_index::abort(reservation_id id) {
  if (reservations_.find(id) != nullptr)
    end_reservation(id);
}

void l1_index::quarantine(reservation_id id) {
  auto* reservation = reservations_.find(id);
  if (reservation == nullptr)
    return;
  for (auto staged : reservation->cells)
    if (store_.at_cell(staged).column != nil)
      detach(staged);
}

/// Takes a cell's key away, whatever its state.
void l1_index::detach(cell_id id) {
  if (store_.at_cell(id).staged()) {
    auto& reservation = reservations_.at_slot(store_.at_cell(id).reservation);
    ++detached_cells_;
    if (--reservation.linked == 0)
      ++detached_;
  }
  store_.unlink(id);
}

/// Frees the buffers and the id.
void l1_index::end_reservation(reservation_id id) {
  auto& reservation = *reservations_.find(id);
  if (!reservation.cells.empty() && reservation.linked == 0)
    --detached_;
  detached_cells_ -= reservation.cells.size() - reservation.linked;
  for (auto staged : reservation.cells)
    store_.discard(staged);
  reservations_.erase(id);
}

} // namespace actord
