#include "storage/column_store.hpp"

#include <algorithm>
#include <cassert>

namespace actord {

namespace {

constexpr uint64_t unbacked = UINT64_MAX; // offset of a cell that has no buffer yet
constexpr size_t usual_changes = 64;      // of one step: room for them is made at once
constexpr uint64_t max_cells = uint64_t{1} << 31;

/// As many cells as the pool has ranges may be live, and a batch that replaces
/// them all is staged before its victims go.
uint32_t cell_limit(uint64_t capacity_bytes, uint64_t alignment_bytes) {
  return static_cast<uint32_t>(std::min(2 * (capacity_bytes / alignment_bytes), max_cells));
}

bool evictable(const column& target) {
  return target.bytes > 0 && target.pins == 0;
}

} // namespace

column_store::column_store(uint64_t capacity_bytes, uint64_t alignment_bytes,
                           std::unique_ptr<eviction_policy> policy)
  : pool_{alignment_bytes}, policy_{std::move(policy)},
    columns_{cell_limit(capacity_bytes, alignment_bytes)}, cells_{cell_limit(capacity_bytes,
                                                                             alignment_bytes)} {
}

uint64_t column_store::fingerprint(uint32_t space, const chunk_hash& hash) const {
  // Ids of spaces are not reused, so a ghost never takes one tenant's chunk for
  // another's.
  auto mixed = hash.word() ^ spaces_.id(space) * 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93u;
  return mixed ^ mixed >> 32;
}

column_id column_store::find(uint32_t space, const chunk_hash& hash) const {
  return columns_.find(fingerprint(space, hash), [&](const column& candidate) {
    return candidate.space == space && candidate.hash == hash;
  });
}

cell_id column_store::resident_cell(column_id column, uint16_t rank, uint16_t group) const {
  auto result = nil;
  for_cells(column, [&](cell_id id, const cell& candidate) {
    if (candidate.rank == rank && candidate.group == group && !candidate.staged())
      result = id;
  });
  return result;
}

template <class Change>
void column_store::update(column& target, const Change& change) {
  if (evictable(target))
    evictable_bytes_ -= target.bytes;
  change(target);
  if (evictable(target))
    evictable_bytes_ += target.bytes;
}

cell_id column_store::stage(uint32_t space, const chunk_hash& hash, uint16_t rank, uint16_t group,
                            uint64_t length, uint32_t reservation) {
  auto id = cells_.take();
  if (id == nil)
    return nil;
  auto at = find(space, hash);
  if (at == nil) {
    at = columns_.insert(fingerprint(space, hash));
    if (at == nil) {
      cells_.give(id);
      return nil;
    }
    columns_[at].hash = hash;
    columns_[at].space = space;
    spaces_.add_reference(space);
  }
  cells_[id]
    = {unbacked, length, columns_[at].first_cell, at, 0, reservation, group, rank, false, false};
  columns_[at].first_cell = id;
  ++counts_.staged;
  counts_.staging_bytes += length;
  pin(at);
  return id;
}

void column_store::back(cell_id id, uint64_t offset) {
  assert(cells_[id].offset == unbacked);
  cells_[id].offset = offset;
}

column_id column_store::settle(cell_id id) {
  auto& settled = cells_[id];
  assert(settled.staged() && settled.column != nil && settled.offset != unbacked);
  if (resident_cell(settled.column, settled.rank, settled.group) != nil) {
    discard(id);
    return nil;
  }
  settled.reservation = nil;
  --counts_.staged;
  ++counts_.resident;
  counts_.staging_bytes -= settled.length;
  auto& target = columns_[settled.column];
  auto fresh = target.bytes == 0;
  auto bytes = pool_.aligned(settled.length);
  update(target, [&](column& c) {
    c.bytes += bytes;
    --c.pins;
  });
  spaces_.add_bytes(target.space, bytes);
  note(spaces_.salt(target.space), &salt_traffic::written);
  record_object(object_change::kind::written, settled);
  if (!fresh)
    return nil;
  ++counts_.columns;
  record(target, true);
  return settled.column;
}

void column_store::admit(column_id column) {
  const auto& target = columns_[column];
  policy_->admitted(column, {target.fingerprint, target.bytes, spaces_.salt(target.space)});
}

void column_store::unlink(cell_id id, bool evicted) {
  auto& gone = cells_[id];
  auto at = gone.column;
  assert(at != nil);
  auto& target = columns_[at];
  if (!gone.staged())
    record_object(object_change::kind::evicted, gone);
  gone.column = nil;
  remove_from_list(at, id);
  if (gone.staged()) {
    update(target, [](column& c) { --c.pins; });
  } else {
    auto bytes = pool_.aligned(gone.length);
    update(target, [&](column& c) {
      c.bytes -= bytes;
      c.pins -= gone.readers > 0 ? 1 : 0;
    });
    spaces_.take_bytes(target.space, bytes);
    note(spaces_.salt(target.space), &salt_traffic::evicted);
    --counts_.resident;
    counts_.temporary -= gone.temporary ? 1 : 0;
    if (gone.dirty)
      counts_.dirty -= 1;
    counts_.read -= gone.readers > 0 ? 1 : 0;
    if (target.bytes == 0) {
      policy_->removed(at, evicted);
      --counts_.columns;
      record(target, false);
    }
    if (gone.readers == 0)
      free_cell(id);
  }
  if (target.first_cell == nil) {
    assert(target.pins == 0 && target.bytes == 0);
    spaces_.drop_reference(target.space);
    columns_.erase(at);
  }
}

void column_store::discard(cell_id id) {
  assert(cells_[id].staged());
  if (cells_[id].column != nil)
    unlink(id);
  --counts_.staged;
  counts_.staging_bytes -= cells_[id].length;
  free_cell(id);
}

void column_store::remove_from_list(column_id id, cell_id gone) {
  auto& first = columns_[id].first_cell;
  if (first == gone) {
    first = cells_[gone].next;
    return;
  }
  auto at = first;
  while (cells_[at].next != gone)
    at = cells_[at].next;
  cells_[at].next = cells_[gone].next;
}

void column_store::free_cell(cell_id id) {
  if (cells_[id].offset != unbacked)
    pool_.free(cells_[id].offset, cells_[id].length);
  cells_.give(id);
}

void column_store::hold(cell_id id, uint32_t shares) {
  auto& held = cells_[id];
  assert(!held.staged() && shares > 0);
  if (held.readers == 0 && held.column != nil) {
    ++counts_.read;
    pin(held.column);
  }
  held.readers += shares;
}

void column_store::drop(cell_id id, uint32_t shares) {
  auto& held = cells_[id];
  assert(held.readers >= shares && shares > 0);
  held.readers -= shares;
  if (held.readers > 0)
    return;
  if (held.column == nil) {
    free_cell(id);
    return;
  }
  --counts_.read;
  unpin(held.column);
  if (held.temporary)
    unlink(id);
}

void column_store::set_dirty(cell_id id, bool dirty) {
  auto& object = cells_[id];
  assert(!object.staged() && object.column != nil);
  if (object.dirty == dirty)
    return;
  object.dirty = dirty;
  counts_.dirty += dirty ? 1 : uint64_t(-1);
  bool any = false;
  for_cells(object.column, [&](cell_id, const cell& each) { any |= each.dirty; });
  columns_[object.column].dirty = any;
}

void column_store::make_temporary(cell_id id) {
  assert(!cells_[id].staged() && cells_[id].column != nil);
  counts_.temporary += cells_[id].temporary ? 0 : 1;
  cells_[id].temporary = true;
}

void column_store::pin(column_id id) {
  update(columns_[id], [](column& c) { ++c.pins; });
}

void column_store::unpin(column_id id) {
  assert(columns_[id].pins > 0);
  update(columns_[id], [](column& c) { --c.pins; });
}

void column_store::touch(column_id column) {
  if (columns_[column].bytes > 0)
    policy_->touched(column);
}

void column_store::record_changes(bool on) {
  recording_ = on;
}

void column_store::record(const column& target, bool stored) {
  if (!recording_)
    return;
  spaces_.add_reference(target.space); // the reader of the change asks for the space's name
  if (changes_.capacity() == 0)
    changes_.reserve(usual_changes);
  changes_.push_back({spaces_.id(target.space), target.hash, stored});
}

std::vector<chunk_change> column_store::drain_changes() {
  for (const auto& change : changes_)
    spaces_.drop_reference(spaces_.slot_of(change.space));
  return std::exchange(changes_, {});
}

void column_store::record_traffic(bool on) {
  counting_ = on;
}

void column_store::note(salt_id salt, uint64_t salt_traffic::*what, uint64_t objects) {
  auto* entry = counting_ ? spaces_.find_salt(salt) : nullptr;
  if (!entry)
    return;
  if (entry->traffic == nil) {
    entry->traffic = static_cast<uint32_t>(traffic_.size());
    traffic_.push_back({salt});
  }
  traffic_[entry->traffic].*what += objects;
}

std::vector<salt_traffic> column_store::drain_traffic() {
  for (const auto& row : traffic_)
    if (auto* entry = spaces_.find_salt(row.salt))
      entry->traffic = nil;
  return std::exchange(traffic_, {});
}

void column_store::record_objects(bool on) {
  naming_ = on;
}

void column_store::record_object(object_change::kind what, const cell& object) {
  if (!naming_)
    return;
  const auto& target = columns_[object.column];
  spaces_.add_reference(target.space);
  if (objects_.capacity() == 0)
    objects_.reserve(usual_changes);
  objects_.push_back({what, static_cast<uint32_t>(spaces_.id(target.space)), target.hash,
                      object.rank, object.group, object.length});
}

std::vector<object_change> column_store::drain_objects() {
  for (const auto& change : objects_)
    spaces_.drop_reference(spaces_.slot_of(change.space));
  return std::exchange(objects_, {});
}

uint64_t column_store::table_bytes() const noexcept {
  // A node of the allocator's ordered tables: three links, a colour, the pair,
  // malloc's header.
  constexpr uint64_t free_range_bytes = 128;
  return columns_.touched_bytes() + uint64_t{cells_.touched()} * sizeof(cell)
         + policy_->table_bytes() + pool_.free_ranges() * free_range_bytes;
}

} // namespace actord
