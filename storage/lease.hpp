// The unclaimed read shares of one lookup.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace actord {

/// Chunks [first, end) that a group of window `w` needs of [begin, end): its
/// first.
constexpr uint32_t window_start(int32_t window_chunks, uint32_t begin, uint32_t end) noexcept {
  if (window_chunks <= 0)
    return begin;
  return end - std::min(static_cast<uint32_t>(window_chunks), end - begin);
}

/// Shares by (group, chunk, rank), found by arithmetic: a group holds `world`
/// cells for each chunk from `start` to the hit.
struct lease {
  struct share {
    uint32_t cell = 0;
    uint32_t count = 0;
  };
  struct group {
    uint32_t start = 0; // == hit_chunks: holds nothing
    size_t base = 0;    // of its shares
  };

  int64_t deadline_ms = 0;
  uint32_t hit_chunks = 0;
  uint32_t world_size = 0;
  uint64_t remaining = 0; // sum of counts
  std::vector<group> groups;
  std::vector<share> shares;

  share& at(const group& of, uint32_t chunk, uint32_t rank) {
    return shares[of.base + size_t{chunk - of.start} * world_size + rank];
  }
};

} // namespace actord
