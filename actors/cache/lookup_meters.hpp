// What /metrics tells of lookups.
#pragma once

#include "observability/event.hpp"
#include "observability/metric_registry.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace actord {

/// Cells by model and salt, kept by the SESSIONS (spec observability §2.4.5, §2.4.8).
class lookup_meters {
public:
  /// Pairs of model and salt whose cells are remembered; beyond, the table begins anew.
  static constexpr size_t max_pairs = 4096;

  explicit lookup_meters(std::shared_ptr<metric_registry> registry);

  /// Counts one lookup, when a status query takes its result.
  void count(const lookup_result_details& result);
  /// Lookups whose result nobody has taken yet.
  void set_active(uint64_t lookups) {
    active_->store(lookups, std::memory_order_relaxed);
  }

private:
  struct cells {
    counter_cell *lookups, *requested, *hit, *hit_l1, *hit_l2, *hit_l1_keys, *hit_l2_keys;
  };

  const cells& cells_of(const std::string& model_name, const std::string& salt);

  std::shared_ptr<metric_registry> registry_;
  counter_cell* requests_; // of all models
  std::map<std::pair<std::string, std::string>, cells> cells_;
  std::shared_ptr<std::atomic<uint64_t>> active_ = std::make_shared<std::atomic<uint64_t>>(0);
};

} // namespace actord
