#include "storage/prefetch_plan.hpp"

#include "storage/lease.hpp"

#include <algorithm>

namespace actord {

namespace {

/// Whether the first `prefix` chunks can be served, seen from one row. `run`: present chunks in a
/// row up to there.
bool row_serves(int32_t window_chunks, uint32_t prefix, uint32_t run) {
  return run >= prefix - window_start(window_chunks, 0, prefix);
}

std::vector<bool> all_of(std::vector<bool> in_l1, std::span<const std::vector<bool>> in_stores) {
  for (const auto& store : in_stores)
    for (size_t cell = 0; cell < in_l1.size(); ++cell)
      if (store[cell])
        in_l1[cell] = true;
  return in_l1;
}

/// Each wanted cell that L1 lacks, from the first store that has it.
std::vector<std::vector<uint32_t>>
loads_of(const std::vector<bool>& wanted, const std::vector<bool>& in_l1,
         std::span<const std::vector<bool>> in_stores) {
  std::vector<std::vector<uint32_t>> result(in_stores.size());
  for (size_t cell = 0; cell < wanted.size(); ++cell) {
    if (!wanted[cell] || in_l1[cell])
      continue;
    const auto from = std::ranges::find_if(in_stores, [&](const auto& x) { return x[cell]; });
    if (from != in_stores.end())
      result[static_cast<size_t>(from - in_stores.begin())].push_back(static_cast<uint32_t>(cell));
  }
  return result;
}

} // namespace

uint32_t servable_prefix(const cell_grid& grid, const std::vector<bool>& present) {
  std::vector<uint32_t> rows; // rows that serve, by prefix - 1
  uint32_t counted = 0;
  rows.assign(grid.chunks, 0);
  for (size_t group = 0; group < grid.groups.size(); ++group) {
    if (grid.groups[group].aux)
      continue;
    for (uint32_t rank = 0; rank < grid.world_size; ++rank) {
      ++counted;
      uint32_t run = 0;
      for (uint32_t chunk = 0; chunk < grid.chunks; ++chunk) {
        run = present[grid.cell(group, rank, chunk)] ? run + 1 : 0;
        rows[chunk] += row_serves(grid.groups[group].window_chunks, chunk + 1, run) ? 1 : 0;
      }
    }
  }
  if (counted == 0)
    return 0;
  const auto last = std::find(rows.rbegin(), rows.rend(), counted);
  return static_cast<uint32_t>(rows.rend() - last);
}

std::vector<bool> cells_needed(const cell_grid& grid, uint32_t hit_chunks) {
  std::vector<bool> result(grid.size(), false);
  for (size_t group = 0; group < grid.groups.size(); ++group) {
    if (grid.groups[group].aux)
      continue;
    const auto start = window_start(grid.groups[group].window_chunks, 0, hit_chunks);
    for (uint32_t rank = 0; rank < grid.world_size; ++rank)
      for (auto chunk = start; chunk < hit_chunks; ++chunk)
        result[grid.cell(group, rank, chunk)] = true;
  }
  return result;
}

std::vector<bool> cells_to_warm(const cell_grid& part, uint32_t first, uint32_t chunks) {
  std::vector<bool> result(part.size(), false);
  for (size_t cell = 0; cell < result.size(); ++cell) {
    const auto& group = part.groups[part.group_of(cell)];
    result[cell]
      = !group.aux && first + part.chunk_of(cell) >= window_start(group.window_chunks, 0, chunks);
  }
  return result;
}

prefetch_plan plan_prefetch(const cell_grid& grid, const std::vector<bool>& in_l1,
                            std::span<const std::vector<bool>> in_stores) {
  const auto hit_chunks = servable_prefix(grid, all_of(in_l1, in_stores));
  return {hit_chunks, loads_of(cells_needed(grid, hit_chunks), in_l1, in_stores)};
}

prefetch_plan
plan_warm(const cell_grid& grid, const std::vector<bool>& wanted, const std::vector<bool>& in_l1,
          std::span<const std::vector<bool>> in_stores) {
  return {servable_prefix(grid, all_of(in_l1, in_stores)), loads_of(wanted, in_l1, in_stores)};
}

} // namespace actord
