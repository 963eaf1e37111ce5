// What /metrics tells of one L1.
#pragma once

#include "observability/gen_ai_metrics.hpp"
#include "storage/l1_index.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>

namespace actord {

/// The cells of one L1, kept by its L1 MANAGER (spec observability §2.4.1, §2.4.2, §2.4.4, §2.5).
class l1_meters {
public:
  /// Salts whose cells are remembered; beyond, the table begins anew.
  static constexpr size_t max_salts = 4096;

  l1_meters(std::shared_ptr<metric_registry> registry, std::string l1_tag);

  /// Takes over what the index has counted since the last call.
  void take(l1_index& index);
  void count(const std::string& salt, const salt_traffic& traffic);
  /// A lookup that asked for `found` + `missed` objects.
  void looked_up(const std::string& salt, uint64_t found, uint64_t missed);
  /// A reservation that got buffers for `granted` objects, or no memory for `refused` ones.
  void reserved(const key_space& space, uint64_t granted, uint64_t refused);
  /// Each model's share of the pool.
  void fill(const l1_index& index, gen_ai_metrics& into);
  /// One look at the pool's usage; `triggered`: it was above the watermark.
  void look(bool triggered);

private:
  struct salt_cells {
    counter_cell *read, *written, *evicted;
    counter_cell *found, *missed, *granted, *refused;
  };
  // Gauges outlive the actor: a scrape may hold them still.
  struct levels {
    std::atomic<uint64_t> used_bytes = 0, total_bytes = 0, staging_bytes = 0;
  };

  const salt_cells& cells_of(const std::string& salt);

  std::shared_ptr<metric_registry> registry_;
  std::string l1_tag_;
  counter_cell *looks_, *triggered_looks_, *lookups_, *reservations_;
  std::shared_ptr<levels> levels_ = std::make_shared<levels>();
  std::unordered_map<std::string, salt_cells> salts_;
};

} // namespace actord
