#include "observability/l1_lifecycle.hpp"

#include <algorithm>
#include <cassert>

namespace actord {

namespace {

constexpr size_t max_tags = 256;
constexpr std::string_view other_tag = "__other__";

} // namespace

l1_lifecycle::l1_lifecycle(l1_lifecycle_sink& sink, uint32_t threshold, l1_lifecycle_limits limits)
  : sink_(sink), threshold_(threshold), limits_(limits), live_(limits.max_live) {
  assert(limits.window_s > 0);
  assert(limits.max_gone > 0);
}

std::optional<sample_identity>
l1_lifecycle::followed(std::string_view l1_tag, const object_key_view& key) const {
  // Nearly all keys end here: their second hash is not asked for.
  if (!sampled(l1_sample_hash(key), threshold_))
    return std::nullopt;
  return l1_identity(l1_tag, key);
}

void l1_lifecycle::read_finished(std::string_view l1_tag, const object_key_view& key, double now) {
  const auto id = followed(l1_tag, key);
  auto* here = id ? live_.find(*id) : nullptr;
  if (!here)
    return;
  if (double gap = now - here->last_used; gap >= 0)
    sink_.reuse_gap(tags_[intern(l1_tag)], gap);
  here->last_used = now;
}

void l1_lifecycle::write_finished(std::string_view l1_tag, const object_key_view& key, double now) {
  const auto followed_id = followed(l1_tag, key);
  if (!followed_id)
    return;
  const auto& id = *followed_id;
  const auto& tag = tags_[intern(l1_tag)];
  if (auto i = gone_.find(id); i != gone_.end()) {
    double gap = std::min(now - i->second.since, limits_.window_s);
    gone_by_time_.erase({i->second.since, id});
    gone_.erase(i);
    if (gap >= 0)
      sink_.evict_reuse_gap(tag, gap);
  }
  if (auto* here = live_.find(id); here && now - here->last_used >= 0)
    sink_.reuse_gap(tag, now - here->last_used);
  live_.put(id, {now, now});
}

void l1_lifecycle::evicted(std::string_view l1_tag, const object_key_view& key, double now) {
  const auto id = followed(l1_tag, key);
  auto here = id ? live_.take(*id) : std::nullopt;
  if (!here)
    return;
  auto tag = intern(l1_tag);
  if (double lifetime = now - here->allocated; lifetime >= 0)
    sink_.lifetime(tags_[tag], lifetime);
  if (double idle = now - here->last_used; idle >= 0)
    sink_.idle_before_evict(tags_[tag], idle);
  remember_gone(*id, {now, tag});
}

void l1_lifecycle::sweep(double now) {
  while (!gone_by_time_.empty() && now - gone_by_time_.begin()->first >= limits_.window_s) {
    auto i = gone_.find(gone_by_time_.begin()->second);
    assert(i != gone_.end());
    sink_.evict_reuse_gap(tags_[i->second.tag], limits_.window_s);
    gone_.erase(i);
    gone_by_time_.erase(gone_by_time_.begin());
  }
}

void l1_lifecycle::forget_live_unless(const std::function<bool(const sample_identity&)>& resident) {
  live_.erase_if([&](const sample_identity& id, const presence&) { return !resident(id); });
}

void l1_lifecycle::remember_gone(const sample_identity& id, absence left) {
  assert(!gone_.contains(id)); // a write takes it out before it can live and leave again
  if (gone_.size() >= limits_.max_gone) {
    gone_.erase(gone_by_time_.begin()->second);
    gone_by_time_.erase(gone_by_time_.begin());
  }
  gone_.emplace(id, left);
  gone_by_time_.emplace(left.since, id);
}

uint32_t l1_lifecycle::intern(std::string_view l1_tag) {
  auto i = std::find(tags_.begin(), tags_.end(), l1_tag);
  if (i == tags_.end() && tags_.size() >= max_tags)
    return max_tags; // its text was put there when the table filled
  if (i == tags_.end()) {
    tags_.emplace_back(l1_tag);
    if (tags_.size() == max_tags)
      tags_.emplace_back(other_tag);
    i = std::find(tags_.begin(), tags_.end(), l1_tag);
  }
  return static_cast<uint32_t>(i - tags_.begin());
}

} // namespace actord
