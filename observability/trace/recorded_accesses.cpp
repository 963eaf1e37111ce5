#include "observability/trace/recorded_accesses.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace actord::trace {

namespace {

constexpr double max_seconds = 1e10;

/// Milliseconds of a record's time; whatever is no time is the beginning.
int64_t milliseconds(double t_mono) {
  return std::isfinite(t_mono) && t_mono > 0
           ? static_cast<int64_t>(std::min(t_mono, max_seconds) * 1e3)
           : 0;
}

} // namespace

bool recorded_accesses::add(const record& next) {
  // Others would be decoded for nothing.
  const auto name = short_name(next.qualname);
  if (name != "submit_prefetch_task" && name != "reserve_write")
    return true;
  const auto decoded = to_call(next);
  if (const auto* why = std::get_if<std::string>(&decoded)) {
    reject(name + ": " + *why);
    return true;
  }
  const auto& what = std::get<call>(decoded);
  const auto time_ms = milliseconds(next.t_mono);
  step_.clear();
  if (const auto* write = std::get_if<reserve_write_call>(&what))
    return take(write->keys, write->layout) && log_.write(time_ms, step_);
  for (const auto& group : std::get<submit_prefetch_call>(what).groups)
    if (!take(group.keys, group.layout))
      return false;
  return log_.lookup(time_ms, step_);
}

bool recorded_accesses::take(const key_list& keys, const layout_desc& layout) {
  const auto bytes = object_bytes(layout);
  if (!bytes || *bytes == 0) {
    reject("a layout_desc does not say how large an object is");
    return true;
  }
  const auto aligned = (*bytes + align_bytes_ - 1) / align_bytes_ * align_bytes_;
  uint32_t space = 0;
  for (size_t at = 0; at < keys.size(); ++at) {
    if (at == 0 || keys[at].space != keys[at - 1].space)
      space = space_of(*keys[at].space);
    if (!take_key(space, keys[at], aligned))
      return false;
  }
  return true;
}

uint32_t recorded_accesses::space_of(const key_space& space) {
  const auto [found, fresh]
    = spaces_.try_emplace(space, static_cast<uint32_t>(space_salts_.size()));
  if (fresh)
    space_salts_.push_back(
      salts_.try_emplace(space.cache_salt, static_cast<salt_id>(salts_.size())).first->second);
  return found->second;
}

bool recorded_accesses::take_key(uint32_t space, const object_ref& key, uint64_t bytes) {
  const auto [found, fresh] = blocks_.try_emplace(chunk{space, key.hash}, log_.blocks());
  const object named{found->second, key.kv_rank, key.object_group_id};
  if (log_.blocks() == workload::access_log::max_blocks || bytes > max_bytes - bytes_)
    return false;
  if (fresh) {
    bytes_ += bytes;
    log_.add_block(bytes, space_salts_[space]);
    first_objects_.push_back(named);
  } else if (first_objects_[named.block] != named && more_objects_.insert(named).second) {
    bytes_ += bytes;
    log_.add_bytes(named.block, bytes);
  }
  step_.push_back(named.block);
  return true;
}

void recorded_accesses::reject(std::string why) {
  if (++bad_calls_ == 1)
    first_fault_ = std::move(why);
}

std::optional<salt_id> recorded_accesses::find_salt(const std::string& name) const {
  const auto found = salts_.find(name);
  return found == salts_.end() ? std::nullopt : std::optional{found->second};
}

} // namespace actord::trace
