// A set of positions that knows its largest.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>
#include <vector>

namespace actord::workload {

/// Positions below a bound as bits, with a bit above each word that is not empty, and so on: every
/// call takes log64(bound) steps, at most 6.
class position_set {
public:
  explicit position_set(uint64_t bound) {
    do {
      bound = (bound + 63) / 64;
      levels_.emplace_back(bound);
    } while (bound > 1);
  }

  bool contains(uint64_t position) const noexcept {
    return levels_[0][position / 64] >> position % 64 & 1;
  }
  void insert(uint64_t position) noexcept {
    for (auto& level : levels_) {
      auto& word = level[position / 64];
      const bool known = word != 0;
      word |= uint64_t{1} << position % 64;
      if (known)
        return;
      position /= 64;
    }
  }
  void erase(uint64_t position) noexcept {
    for (auto& level : levels_) {
      auto& word = level[position / 64];
      word &= ~(uint64_t{1} << position % 64);
      if (word != 0)
        return;
      position /= 64;
    }
  }
  bool empty() const noexcept {
    return levels_.back().empty() || levels_.back()[0] == 0;
  }
  /// @pre not empty
  uint64_t largest() const noexcept {
    assert(!empty());
    uint64_t at = 0;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level)
      at = at * 64 + 63 - static_cast<uint64_t>(std::countl_zero((*level)[at]));
    return at;
  }

private:
  std::vector<std::vector<uint64_t>> levels_; // the lowest first
};

} // namespace actord::workload
