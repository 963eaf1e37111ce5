#include "storage/space_table.hpp"

#include <cassert>

namespace actord {

size_t space_table::hash::operator()(const key_space& space) const noexcept {
  auto result = std::hash<std::string>{}(space.model_name);
  result = result * 31 + std::hash<std::string>{}(space.cache_salt);
  return result * 31 + space.world_size;
}

space_id space_table::intern(const key_space& space) {
  assert(space.world_size > 0 && space.world_size <= max_world_size);
  if (auto found = slots_.find(space); found != slots_.end()) {
    auto& entry = entries_[found->second];
    if (entry.references == 0) {
      remove_spare(found->second);
      add_spare(found->second);
    }
    return entry.id;
  }
  while (spare_count_ >= spare_limit)
    drop(oldest_spare_);
  auto slot = static_cast<uint32_t>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  do
    ++last_id_;
  while (last_id_ == 0 || slots_by_id_.contains(last_id_));
  auto key = slots_.emplace(space, slot).first;
  slots_by_id_.emplace(last_id_, slot);
  entries_[slot] = {&key->first, last_id_, add_to_salt(space.cache_salt), 0, nil, nil};
  add_spare(slot);
  return last_id_;
}

std::optional<space_id> space_table::find(const key_space& space) const {
  auto found = slots_.find(space);
  if (found == slots_.end())
    return std::nullopt;
  return entries_[found->second].id;
}

uint32_t space_table::slot_of(space_id id) const {
  auto found = slots_by_id_.find(id);
  return found == slots_by_id_.end() ? nil : found->second;
}

void space_table::add_reference(uint32_t slot) {
  if (entries_[slot].references++ == 0)
    remove_spare(slot);
}

void space_table::drop_reference(uint32_t slot) {
  assert(entries_[slot].references > 0);
  if (--entries_[slot].references == 0)
    add_spare(slot);
}

std::optional<salt_id> space_table::find_salt(const std::string& name) const {
  auto found = salt_ids_.find(name);
  if (found == salt_ids_.end())
    return std::nullopt;
  return found->second;
}

salt_id space_table::add_to_salt(const std::string& name) {
  auto [found, fresh] = salt_ids_.try_emplace(name);
  if (fresh) {
    do
      ++last_salt_;
    while (salts_.contains(last_salt_));
    found->second = last_salt_;
    salts_[last_salt_].name = name;
  }
  ++salts_[found->second].spaces;
  return found->second;
}

void space_table::add_spare(uint32_t slot) {
  auto& entry = entries_[slot];
  entry.prev = newest_spare_;
  entry.next = nil;
  (newest_spare_ == nil ? oldest_spare_ : entries_[newest_spare_].next) = slot;
  newest_spare_ = slot;
  ++spare_count_;
}

void space_table::remove_spare(uint32_t slot) {
  auto& entry = entries_[slot];
  (entry.prev == nil ? oldest_spare_ : entries_[entry.prev].next) = entry.next;
  (entry.next == nil ? newest_spare_ : entries_[entry.next].prev) = entry.prev;
  --spare_count_;
}

void space_table::drop(uint32_t slot) {
  remove_spare(slot);
  auto entry = entries_[slot];
  auto salt = salts_.find(entry.salt);
  if (--salt->second.spaces == 0) {
    assert(salt->second.bytes == 0);
    salt_ids_.erase(salt->second.name);
    salts_.erase(salt);
  }
  slots_by_id_.erase(entry.id);
  slots_.erase(slots_.find(*entry.space));
  entries_[slot] = {};
  free_.push_back(slot);
}

std::vector<std::pair<std::string, uint64_t>> space_table::bytes_by_model() const {
  std::unordered_map<std::string_view, uint64_t> sums;
  for (const auto& [space, slot] : slots_)
    if (entries_[slot].bytes > 0)
      sums[space.model_name] += entries_[slot].bytes;
  return {sums.begin(), sums.end()};
}

} // namespace actord
