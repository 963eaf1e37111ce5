// A short spelling of a list of block ids.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace actord::http {

struct block_range {
  int64_t first = 0, last = 0;
  bool operator==(const block_range&) const = default;
};

/// Runs of three or more ids, each one above the one before, become one range; other ids stand
/// alone (spec cli-http §2.7).
std::vector<block_range> block_ranges(std::span<const int64_t> ids);

} // namespace actord::http
