#include "actors/gateway/http/block_ranges.hpp"

#include <limits>

namespace actord::http {

namespace {

constexpr size_t shortest_run = 3;

// One behind the last id of the run that begins at `begin`.
size_t run_end(std::span<const int64_t> ids, size_t begin) {
  size_t end = begin + 1;
  while (end < ids.size() && ids[end - 1] != std::numeric_limits<int64_t>::max()
         && ids[end] == ids[end - 1] + 1)
    ++end;
  return end;
}

} // namespace

std::vector<block_range> block_ranges(std::span<const int64_t> ids) {
  std::vector<block_range> result;
  for (size_t begin = 0; begin < ids.size();) {
    const auto end = run_end(ids, begin);
    if (end - begin >= shortest_run)
      result.push_back({ids[begin], ids[end - 1]});
    else
      for (size_t i = begin; i < end; ++i)
        result.push_back({ids[i], ids[i]});
    begin = end;
  }
  return result;
}

} // namespace actord::http
