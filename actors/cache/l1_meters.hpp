// What /metrics tells of one L1.
#pragma once

#include "observability/metric_registry.hpp"
#include "storage/l1_index.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>

namespace actord {

/// The cells of one L1, kept by its L1 MANAGER: they have one writer and are read by scrapes at any
/// time (spec observability §2.4.1, §2.4.2, §2.4.4).
class l1_meters {
public:
  /// Salts whose cells are remembered; beyond, the table begins anew.
  static constexpr size_t max_salts = 4096;

  l1_meters(std::shared_ptr<metric_registry> registry, std::string l1_tag);

  /// Takes over what the index has counted since the last call.
  void take(l1_index& index);
  /// One look at the pool's usage; `triggered`: it was above the watermark.
  void look(bool triggered);
  /// A store of `objects` objects found no memory.
  void allocation_failed(const std::string& model_name, uint64_t objects);

private:
  struct salt_cells {
    counter_cell *read, *written, *evicted;
  };
  // Gauges outlive the actor: a scrape may hold them still.
  struct levels {
    std::atomic<uint64_t> used_bytes = 0, total_bytes = 0, staging_bytes = 0;
  };

  const salt_cells& cells_of(l1_index& index, salt_id salt);

  std::shared_ptr<metric_registry> registry_;
  std::string l1_tag_;
  counter_cell *looks_, *triggered_looks_;
  std::shared_ptr<levels> levels_ = std::make_shared<levels>();
  std::unordered_map<salt_id, salt_cells> salts_;
};

} // namespace actord
