#include "storage/workload/access_log.hpp"

#include <algorithm>
#include <cassert>

namespace actord::workload {

block_id access_log::add_block(uint64_t bytes, salt_id salt) {
  assert(blocks_.size() < max_blocks);
  blocks_.push_back({bytes, salt});
  marks_.push_back({});
  return static_cast<block_id>(blocks_.size() - 1);
}

void access_log::add_bytes(block_id id, uint64_t bytes) {
  blocks_[id].bytes += bytes;
}

bool access_log::lookup(int64_t time_ms, std::span<const block_id> blocks) {
  return add(time_ms, true, blocks);
}

bool access_log::write(int64_t time_ms, std::span<const block_id> blocks) {
  return add(time_ms, false, blocks);
}

bool access_log::add(int64_t time_ms, bool lookup, std::span<const block_id> blocks) {
  if (blocks.size() > max_accesses - accesses_.size() || round_ == UINT32_MAX)
    return false;
  ++round_;
  const auto first = accesses_.size();
  for (const auto id : blocks) {
    auto& seen = marks_[id];
    if (seen.step == round_) {
      ++repeated_;
      continue;
    }
    seen.step = round_;
    if (lookup || !seen.asked)
      accesses_.push_back(id);
    seen.asked = lookup;
  }
  if (accesses_.size() == first)
    return true;
  const auto latest = steps_.empty() ? 0 : steps_.back().time_ms;
  steps_.push_back({first, std::max(latest, time_ms), lookup});
  return true;
}

access_log::totals access_log::count() const {
  totals result;
  std::vector<bool> seen(blocks_.size());
  for (size_t number = 0; number < steps_.size(); ++number) {
    const auto each = at(number);
    result.requests += each.lookup ? 1 : 0;
    (each.lookup ? result.lookups : result.writes) += each.blocks.size();
    for (const auto id : each.blocks) {
      if (each.lookup) {
        result.lookup_bytes += blocks_[id].bytes;
        result.most_hits += seen[id] ? 1 : 0;
      }
      seen[id] = true;
    }
  }
  for (const auto& each : blocks_) {
    result.block_bytes += each.bytes;
    result.same_size &= each.bytes == blocks_.front().bytes;
  }
  result.repeated = repeated_;
  return result;
}

} // namespace actord::workload
