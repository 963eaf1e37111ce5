// Whose turn it is when room must be made among tenants.
#pragma once

#include "storage/eviction_policy.hpp"

#include <algorithm>
#include <queue>
#include <utility>
#include <vector>

namespace actord {

/// Takes from the salts that hold most, each down to the next one's level,
/// until `goal_bytes` are taken, `max_victims` are gone or nothing more goes.
/// Returns the bytes taken. O(salts).
/// @param spaces has `salts()`: pairs of a salt and something with `bytes`
/// @param take (goal bytes, most victims, salt) -> {bytes taken, victims}
template <class Spaces, class Take>
uint64_t take_from_largest_salts(const Spaces& spaces, uint64_t goal_bytes, size_t max_victims,
                                 const Take& take) {
  using candidate = std::pair<uint64_t, salt_id>; // bytes, salt
  std::priority_queue<candidate> largest;
  for (const auto& [id, salt] : spaces.salts())
    if (salt.bytes > 0)
      largest.emplace(salt.bytes, id);
  uint64_t freed = 0;
  while (freed < goal_bytes && max_victims > 0 && !largest.empty()) {
    auto [bytes, salt] = largest.top();
    largest.pop();
    // Down to the next salt's level, at least one victim.
    auto lead = largest.empty() ? bytes : bytes - largest.top().first;
    auto goal = std::max<uint64_t>(std::min(goal_bytes - freed, lead), 1);
    auto [gone, victims] = take(goal, max_victims, salt);
    max_victims -= std::min<size_t>(max_victims, victims);
    freed += gone;
    if (gone > 0 && gone < bytes)
      largest.emplace(bytes - gone, salt);
  }
  return freed;
}

} // namespace actord
