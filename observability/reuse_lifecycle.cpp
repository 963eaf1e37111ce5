#include "observability/reuse_lifecycle.hpp"

#include <cassert>
#include <limits>
#include <unordered_set>

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

void reuse_lifecycle::finished(std::span<const reuse_key> keys, double now, bool is_read) {
  std::unordered_set<sample_identity, sample_identity_hash> seen;
  for (const auto& key : keys) {
    auto id = reuse_identity(key.cache_salt, key.hash);
    if (keys.size() > 1 && !seen.insert(id).second)
      continue; // another rank or group of the same chunk
    auto& [salt, count] = count_of(key.cache_salt);
    ++count;
    if (!sampled(id.first, threshold_))
      continue;
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
