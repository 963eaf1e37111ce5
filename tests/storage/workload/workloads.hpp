// Workloads that tests make up.
#pragma once

#include "storage/workload/access_log.hpp"

#include <algorithm>
#include <random>
#include <vector>

namespace actord::test {

struct workload_shape {
  size_t requests = 300;
  size_t sessions = 12;
  size_t longest = 12;               // blocks of a request
  std::vector<uint64_t> sizes{4096}; // of blocks, one drawn for each
  unsigned writes = 0;               // of 100 steps: written without a lookup
  salt_id salts = 1;
};

/// Sessions that grow by some blocks with every request, come back in bursts, and start over.
inline workload::access_log make_workload(uint64_t seed, const workload_shape& shape = {}) {
  std::mt19937_64 random{seed};
  workload::access_log log;
  std::vector<std::vector<workload::block_id>> sessions(shape.sessions);
  size_t now = 0;
  for (size_t i = 0; i < shape.requests; ++i) {
    if (random() % 3 == 0)
      now = random() % sessions.size();
    auto& chain = sessions[now];
    if (chain.size() >= shape.longest)
      chain.resize(random() % 3);
    for (auto more = random() % 4; more > 0 && chain.size() < shape.longest; --more)
      chain.push_back(log.add_block(shape.sizes[random() % shape.sizes.size()],
                                    static_cast<salt_id>(now % shape.salts)));
    const auto time_ms = static_cast<int64_t>(i * 400);
    if (random() % 100 < shape.writes)
      log.write(time_ms, chain);
    else
      log.lookup(time_ms, chain);
  }
  return log;
}

} // namespace actord::test
