#include "observability/reuse_lifecycle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <limits>
#include <utility>

namespace actord {

namespace {

constexpr std::string_view other_salt = "__other__";

} // namespace

reuse_lifecycle::reuse_lifecycle(reuse_lifecycle_sink& sink, uint32_t threshold,
                                 reuse_lifecycle_limits limits)
  : sink_(sink), threshold_(threshold), limits_(limits), random_(limits.seed) {
  assert(limits.max_tracked > 0);
  assert(limits.max_tracked <= std::numeric_limits<uint32_t>::max());
}

void reuse_lifecycle::read_finished(std::span<const reuse_key> keys, double now) {
  finished(keys, now, true);
}

void reuse_lifecycle::write_finished(std::span<const reuse_key> keys, double now) {
  finished(keys, now, false);
}

// Whether the event has named the chunk before, for another rank or group. Chunks are told apart by
// 8 bytes of their uniform hashes and a hash of their salts.
bool reuse_lifecycle::named_before(uint64_t mark) {
  for (auto at = mark;; ++at) {
    auto& place = seen_[at & (seen_.size() - 1)];
    if (place == mark)
      return true;
    if (place == 0) { // free: no mark is 0
      place = mark;
      return false;
    }
  }
}

void reuse_lifecycle::finished(std::span<const reuse_key> keys, double now, bool is_read) {
  seen_.assign(std::bit_ceil(2 * keys.size() + 1), 0);
  count_map::value_type* counted = nullptr;
  std::string_view counted_salt;
  uint64_t salt_hash = 0;
  for (const auto& key : keys) {
    if (!counted || key.cache_salt != counted_salt) {
      decide(counted ? counted->first : std::string_view{}, now, is_read);
      counted = &count_of(key.cache_salt);
      counted_salt = key.cache_salt;
      salt_hash = text_hash{}(counted_salt);
    }
    const auto mark = std::max<uint64_t>(key.hash.word() ^ salt_hash, 1);
    if (named_before(mark))
      continue;
    ++counted->second;
    if (unfollowed_.has(mark))
      continue;
    candidates_[candidate_count_++] = {&key, mark, counted->second};
    if (candidate_count_ == sample_lanes)
      decide(counted->first, now, is_read);
  }
  if (counted)
    decide(counted->first, now, is_read);
}

void reuse_lifecycle::decide(std::string_view salt, double now, bool is_read) {
  const auto count = std::exchange(candidate_count_, 0);
  if (count == 0)
    return;
  std::array<const chunk_hash*, sample_lanes> lanes;
  for (size_t i = 0; i < sample_lanes; ++i)
    lanes[i] = &candidates_[std::min(i, count - 1)].key->hash;
  const auto hashes = reuse_sample_hashes(candidates_.front().key->cache_salt, lanes);
  for (size_t i = 0; i < count; ++i)
    if (sampled(hashes[i], threshold_))
      saw(salt, candidates_[i], now, is_read);
    else
      unfollowed_.put(candidates_[i].mark);
}

void reuse_lifecycle::saw(std::string_view salt, const candidate& chunk, double now, bool is_read) {
  const auto id = reuse_identity(chunk.key->cache_salt, chunk.key->hash);
  auto i = index_.find(id);
  if (i == index_.end())
    return track({id, now, chunk.count});
  auto& known = entries_[i->second];
  if (double gap = now - known.time; is_read && gap >= 0)
    sink_.reuse(salt, gap, chunk.count - known.count);
  known.time = now;
  known.count = chunk.count;
}

reuse_lifecycle::count_map::value_type& reuse_lifecycle::count_of(std::string_view cache_salt) {
  auto i = counts_.find(cache_salt);
  if (i == counts_.end()) {
    bool full = counts_.size() >= limits_.max_salts;
    i = counts_.try_emplace(std::string(full ? other_salt : cache_salt)).first;
  }
  return *i;
}

void reuse_lifecycle::track(const entry& added) {
  auto slot = static_cast<uint32_t>(entries_.size());
  if (entries_.size() < limits_.max_tracked) {
    entries_.push_back(added);
  } else {
    slot = static_cast<uint32_t>(random_() % entries_.size());
    index_.erase(entries_[slot].id);
    entries_[slot] = added;
  }
  index_.emplace(added.id, slot);
}

} // namespace actord
