#include "observability/reuse_lifecycle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <limits>

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

// Whether the event has named the chunk before, for another rank or group. Chunks of one event are
// told apart by 8 bytes of their uniform hashes and a hash of their salts.
bool reuse_lifecycle::named_before(const chunk_hash& hash, uint64_t salt_hash) {
  const auto mark = std::max<uint64_t>(hash.word() ^ salt_hash, 1);
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

void reuse_lifecycle::find_sampled(std::span<const reuse_key> keys) {
  sampled_.assign(keys.size(), false);
  std::array<const chunk_hash*, sample_lanes> lanes;
  for (size_t first = 0; first < keys.size();) {
    size_t count = 0;
    const auto salt = keys[first].cache_salt;
    while (count < sample_lanes && first + count < keys.size()
           && keys[first + count].cache_salt == salt) {
      lanes[count] = &keys[first + count].hash;
      ++count;
    }
    std::fill(lanes.begin() + static_cast<ptrdiff_t>(count), lanes.end(), lanes.front());
    const auto hashes = reuse_sample_hashes(salt, lanes);
    for (size_t i = 0; i < count; ++i)
      sampled_[first + i] = sampled(hashes[i], threshold_);
    first += count;
  }
}

void reuse_lifecycle::finished(std::span<const reuse_key> keys, double now, bool is_read) {
  seen_.assign(std::bit_ceil(2 * keys.size() + 1), 0);
  find_sampled(keys);
  count_map::value_type* counted = nullptr;
  std::string_view counted_salt;
  uint64_t salt_hash = 0;
  for (size_t at = 0; at < keys.size(); ++at) {
    const auto& key = keys[at];
    if (!counted || key.cache_salt != counted_salt) {
      counted = &count_of(key.cache_salt);
      counted_salt = key.cache_salt;
      salt_hash = text_hash{}(counted_salt);
    }
    auto& [salt, count] = *counted;
    if (named_before(key.hash, salt_hash))
      continue;
    ++count;
    if (!sampled_[at])
      continue;
    const auto id = reuse_identity(key.cache_salt, key.hash);
    auto i = index_.find(id);
    if (i == index_.end()) {
      track({id, now, count});
      continue;
    }
    auto& known = entries_[i->second];
    if (double gap = now - known.time; is_read && gap >= 0)
      sink_.reuse(salt, gap, count - known.count);
    known.time = now;
    known.count = count;
  }
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
