// Which objects L1 has to be brought so that a prompt's prefix can be served, and from which store.
#pragma once

#include "storage/l1_index.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace actord {

/// The objects of a chain: one cell per (group, rank, chunk), numbered group-major, then rank.
struct cell_grid {
  uint32_t chunks = 0, world_size = 1;
  std::span<const group_layout> groups;

  size_t size() const noexcept {
    return groups.size() * world_size * chunks;
  }
  size_t cell(size_t group, uint32_t rank, uint32_t chunk) const noexcept {
    return (group * world_size + rank) * chunks + chunk;
  }
  uint32_t chunk_of(size_t cell) const noexcept {
    return static_cast<uint32_t>(cell % chunks);
  }
  uint16_t rank_of(size_t cell) const noexcept {
    return static_cast<uint16_t>(cell / chunks % world_size);
  }
  uint16_t group_of(size_t cell) const noexcept {
    return static_cast<uint16_t>(cell / chunks / world_size);
  }
};

/// Chunks of the longest prefix that the cells present can serve: each row that is not aux has its
/// last min(window, prefix) chunks (spec cache-core §1.5).
uint32_t servable_prefix(const cell_grid& grid, const std::vector<bool>& present);

/// The cells that serve the first `hit_chunks`.
std::vector<bool> cells_needed(const cell_grid& grid, uint32_t hit_chunks);

struct prefetch_plan {
  uint32_t hit_chunks = 0;                  // once everything planned has come
  std::vector<std::vector<uint32_t>> loads; // by store: its cells, ascending
};

/// Takes each cell that is needed and not in L1 from the first store that has it. All vectors have
/// grid.size() entries.
prefetch_plan plan_prefetch(const cell_grid& grid, const std::vector<bool>& in_l1,
                            std::span<const std::vector<bool>> in_stores);

/// The same for cells that are `wanted` for themselves: each that some store has, whatever prefix
/// they make. `hit_chunks` is that prefix.
prefetch_plan
plan_warm(const cell_grid& grid, const std::vector<bool>& wanted, const std::vector<bool>& in_l1,
          std::span<const std::vector<bool>> in_stores);

/// The cells of chunks [first, end) that a prompt of `chunks` chunks is served by, once more as a
/// grid of these chunks alone: every chunk of full attention, and the last window of the others.
/// @param part its `chunks` is end - first
std::vector<bool> cells_to_warm(const cell_grid& part, uint32_t first, uint32_t chunks);

} // namespace actord
