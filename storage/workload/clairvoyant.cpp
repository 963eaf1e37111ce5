#include "storage/workload/clairvoyant.hpp"

#include "storage/workload/position_set.hpp"

#include <algorithm>
#include <limits>

namespace actord::workload {

namespace {

constexpr uint32_t never = std::numeric_limits<uint32_t>::max();

} // namespace

clairvoyant::clairvoyant(const access_log& log, room_rule room)
  : log_{log}, room_{room}, blocks_(log.accesses()), next_(log.accesses()) {
  std::vector<uint32_t> wanted(log.blocks(), never);
  size_t end = blocks_.size();
  for (auto number = log.steps(); number-- > 0;) {
    const auto each = log.at(number);
    const auto first = end - each.blocks.size();
    if (room == room_rule::full)
      std::copy(each.blocks.rbegin(), each.blocks.rend(), blocks_.begin() + ptrdiff_t(first));
    else
      std::copy(each.blocks.begin(), each.blocks.end(), blocks_.begin() + ptrdiff_t(first));
    for (auto at = end; at-- > first;) {
      auto& next = wanted[blocks_[at]];
      next_[at] = next;
      // A write brings the block by itself: nothing need be kept until then.
      next = each.lookup ? static_cast<uint32_t>(at) : never;
    }
    end = first;
  }
}

/// What is kept, named by the positions at which it will be looked up.
class clairvoyant::cache {
public:
  cache(const clairvoyant& known, uint64_t capacity_bytes)
    : known_{known}, capacity_bytes_{capacity_bytes}, kept_{known.blocks_.size()} {
  }

  /// Whether the block is there at its lookup.
  bool take(uint32_t position) {
    if (!kept_.contains(position))
      return false;
    kept_.erase(position);
    used_bytes_ -= bytes(position);
    ++counts.hits;
    counts.hit_bytes += bytes(position);
    return true;
  }
  void offer(uint32_t position) {
    const auto next = known_.next_[position];
    if (next == never)
      return;
    kept_.insert(next);
    used_bytes_ += bytes(next);
  }
  void trim() {
    while (used_bytes_ > capacity_bytes_) {
      const auto farthest = static_cast<uint32_t>(kept_.largest());
      kept_.erase(farthest);
      used_bytes_ -= bytes(farthest);
      ++counts.evicted;
    }
  }

  hit_counts counts;

private:
  uint64_t bytes(uint32_t position) const {
    return known_.log_.at_block(known_.blocks_[position]).bytes;
  }

  const clairvoyant& known_;
  uint64_t capacity_bytes_;
  position_set kept_;
  uint64_t used_bytes_ = 0;
};

hit_counts clairvoyant::run(uint64_t capacity_bytes) const {
  cache kept{*this, capacity_bytes};
  uint32_t first = 0;
  for (size_t number = 0; number < log_.steps(); ++number) {
    const auto each = log_.at(number);
    const auto end = first + static_cast<uint32_t>(each.blocks.size());
    uint32_t run = 0, prefix = 0; // hits in a row, and those from the first position on
    for (auto at = first; at < end; ++at) {
      const bool found = each.lookup && kept.take(at);
      run = found ? run + 1 : 0;
      prefix += found && run == at - first + 1 ? 1 : 0;
      if (room_ == room_rule::full) {
        kept.offer(at);
        kept.trim();
      }
    }
    if (room_ == room_rule::watermark) {
      for (auto at = first; at < end; ++at)
        kept.offer(at);
      kept.trim();
    }
    // Under `full` the head comes last.
    kept.counts.prefix_hits += room_ == room_rule::full ? run : prefix;
    first = end;
  }
  return kept.counts;
}

} // namespace actord::workload
