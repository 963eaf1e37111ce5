// How often each eviction policy would have hit on a workload, for each size of L1.
#pragma once

#include "storage/workload/simulated_cache.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace actord::trace {

struct simulation_options {
  std::vector<eviction_kind> policies; // LRU is always among them, first
  std::vector<uint64_t> sizes_bytes;   // of L1
  workload::room_rule room = workload::room_rule::watermark;
  eviction_rule rule = {};
  std::vector<std::pair<salt_id, uint64_t>> quotas = {};
};

struct simulation_row {
  std::optional<eviction_kind> policy;     // none: the clairvoyant optimum
  std::vector<workload::hit_counts> cells; // one for each size
};

struct simulation {
  simulation_options options;
  workload::access_log::totals totals;
  uint64_t blocks = 0;
  std::vector<simulation_row> rows; // the optimum last
};

/// Runs all; the same workload and options give the same counts.
/// @param done told after each run: how many are done, how many there are
simulation run_simulation(const workload::access_log& log, simulation_options options,
                          const std::function<void(size_t done, size_t all)>& done);

/// For people: what the workload is, hit ratios in percent, what they mean. At most 100 columns
/// wide with up to 7 sizes.
std::string simulation_text(const simulation& of);

/// For programs: one JSON object, ratios from 0 to 1.
std::string simulation_json(const simulation& of);

} // namespace actord::trace
