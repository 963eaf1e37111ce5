#include "storage/raw_block_slots.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace actord {

raw_block_slots::raw_block_slots(raw_block_layout layout)
  : layout_{std::move(layout)}, room_bytes_{checkpoint_room_bytes(layout_)} {
}

uint64_t raw_block_slots::index_bytes_of(const table::value_type& entry) const {
  const auto& [name, its] = entry;
  return checkpoint_entry_bytes(layout_, {name, its.slot, its.payload_bytes, its.description});
}

size_t raw_block_slots::load(const checkpoint_result& checkpoint) {
  assert(slots_.empty() && next_slot_ == 0);
  std::vector<uint64_t> claims;
  claims.reserve(checkpoint.entries.size());
  for (const auto& entry : checkpoint.entries)
    claims.push_back(entry.slot);
  std::sort(claims.begin(), claims.end());
  std::vector<uint64_t> refused;
  for (const auto& entry : checkpoint.entries) {
    const auto [first, last] = std::equal_range(claims.begin(), claims.end(), entry.slot);
    const auto bytes = checkpoint_entry_bytes(layout_, entry);
    if (last - first > 1 || slots_.size() == max_checkpoint_entries
        || index_bytes_ + bytes > room_bytes_) {
      refused.push_back(entry.slot);
      continue;
    }
    const auto [at, fresh]
      = slots_.emplace(entry.name, record{entry.slot, entry.payload_bytes, entry.description,
                                          state::published, true});
    by_slot_.emplace(entry.slot, &*at);
    index_bytes_ += bytes;
  }
  const auto dropped = refused.size();
  // The checkpoint lists them still: half an object of the same name must not get there.
  std::sort(refused.begin(), refused.end());
  refused.erase(std::unique(refused.begin(), refused.end()), refused.end());
  for (auto slot : refused)
    quarantine_.push_back({slot, snapshots_});
  next_slot_ = checkpoint.next_slot;
  if (!claims.empty())
    next_slot_ = std::max(next_slot_, claims.back() + 1);
  uint64_t begin = 0;
  claims.push_back(next_slot_);
  for (auto used : claims) {
    if (begin < used) {
      free_.push_back({begin, used});
      free_slots_ += used - begin;
    }
    begin = used + 1;
  }
  changes_ += dropped;
  return dropped;
}

bool raw_block_slots::take_slot(uint64_t& slot) {
  if (!free_.empty()) {
    slot = --free_.back().end;
    if (free_.back().begin == slot)
      free_.pop_back();
    --free_slots_;
    return true;
  }
  if (next_slot_ == layout_.max_slots())
    return false;
  slot = next_slot_++;
  return true;
}

void raw_block_slots::give_slot(uint64_t slot) {
  if (!free_.empty() && free_.back().end == slot)
    ++free_.back().end;
  else
    free_.push_back({slot, slot + 1});
  ++free_slots_;
}

raw_block_slots::reservation
raw_block_slots::reserve(std::string_view name, uint64_t payload_bytes) {
  if (const auto at = slots_.find(name); at != slots_.end())
    return {at->second.now == state::published ? answer::stored : answer::busy};
  if (payload_bytes == 0 || payload_bytes > layout_.max_payload_bytes())
    return {answer::wrong_size};
  // Offsets differ in length: that of the last slot is the longest.
  const auto bytes = checkpoint_entry_bytes(
    layout_, {std::string{name}, layout_.max_slots() - 1, payload_bytes, {}});
  if (slots_.size() == max_checkpoint_entries || index_bytes_ + bytes > room_bytes_)
    return {answer::index_full};
  record fresh;
  fresh.payload_bytes = payload_bytes;
  if (!take_slot(fresh.slot))
    return {answer::full};
  const auto at = slots_.emplace(name, std::move(fresh)).first;
  by_slot_.emplace(at->second.slot, &*at);
  index_bytes_ += index_bytes_of(*at);
  ++in_flight_;
  return {answer::reserved, at->second.slot};
}

bool raw_block_slots::publish(std::string_view name) {
  const auto at = slots_.find(name);
  assert(at != slots_.end() && at->second.now != state::published);
  if (at->second.now == state::cancelled) {
    abandon(name);
    return false;
  }
  at->second.now = state::published;
  --in_flight_;
  ++changes_;
  return true;
}

void raw_block_slots::abandon(std::string_view name) {
  const auto at = slots_.find(name);
  assert(at != slots_.end() && at->second.now != state::published);
  --in_flight_;
  remove(at);
}

raw_block_slots::removal raw_block_slots::erase(std::string_view name) {
  const auto at = slots_.find(name);
  if (at == slots_.end() || at->second.now == state::cancelled)
    return removal::absent;
  if (at->second.now == state::written) {
    at->second.now = state::cancelled;
    return removal::cancelled;
  }
  ++changes_;
  remove(at);
  return removal::erased;
}

void raw_block_slots::remove(table::iterator at) {
  const auto& its = at->second;
  index_bytes_ -= index_bytes_of(*at);
  if (its.in_snapshot)
    quarantine_.push_back({its.slot, snapshots_});
  else
    give_slot(its.slot);
  if (its.in_snapshot && its.slot < taken_to_)
    erased_.push_back(its.slot);
  by_slot_.erase(its.slot);
  slots_.erase(at);
}

std::optional<raw_block_slots::stored_slot> raw_block_slots::find(std::string_view name) const {
  const auto at = slots_.find(name);
  if (at == slots_.end() || at->second.now != state::published)
    return std::nullopt;
  return stored_slot{at->second.slot, at->second.payload_bytes};
}

raw_block_slots::snapshot raw_block_slots::begin_checkpoint() {
  snapshot result;
  result.entries.reserve(size());
  start_checkpoint();
  add_to_checkpoint(result, SIZE_MAX);
  return result;
}

void raw_block_slots::start_checkpoint() {
  assert(!checkpoint_under_way_);
  checkpoint_under_way_ = true;
  taken_to_ = 0;
  erased_.clear();
  ++snapshots_; // from here on what is freed waits for the next one
  changes_in_snapshot_ = changes_;
}

bool raw_block_slots::add_to_checkpoint(snapshot& to, size_t count) {
  assert(checkpoint_under_way_);
  auto at = by_slot_.lower_bound(taken_to_);
  for (; at != by_slot_.end() && count != 0; ++at, --count) {
    auto& [name, its] = *at->second;
    taken_to_ = its.slot + 1;
    if (its.now != state::published)
      continue;
    its.in_snapshot = true;
    to.entries.push_back({name, its.slot, its.payload_bytes, its.description});
  }
  if (at != by_slot_.end())
    return true;
  to.next_slot = next_slot_;
  to.erased = std::exchange(erased_, {});
  taken_to_ = 0;
  return false;
}

void raw_block_slots::drop_erased(snapshot& taken) {
  if (taken.erased.empty())
    return;
  std::sort(taken.erased.begin(), taken.erased.end());
  std::erase_if(taken.entries, [&taken](const auto& entry) {
    return std::binary_search(taken.erased.begin(), taken.erased.end(), entry.slot);
  });
  taken.erased.clear();
}

std::vector<checkpoint_entry> raw_block_slots::list(uint64_t& from, size_t count) const {
  std::vector<checkpoint_entry> result;
  for (auto at = by_slot_.lower_bound(from); at != by_slot_.end() && result.size() < count; ++at) {
    const auto& [name, its] = *at->second;
    from = its.slot + 1;
    if (its.now == state::published)
      result.push_back({name, its.slot, its.payload_bytes, {}});
  }
  return result;
}

void raw_block_slots::checkpoint_written() {
  assert(checkpoint_under_way_);
  checkpoint_under_way_ = false;
  changes_written_ = changes_in_snapshot_;
  while (!quarantine_.empty() && quarantine_.front().snapshots < snapshots_) {
    give_slot(quarantine_.front().slot);
    quarantine_.pop_front();
  }
}

void raw_block_slots::checkpoint_failed() {
  assert(checkpoint_under_way_);
  checkpoint_under_way_ = false; // its entries stay marked; what was freed waits for the next one
}

} // namespace actord
