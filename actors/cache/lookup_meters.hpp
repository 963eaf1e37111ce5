// What /metrics tells of lookups.
#pragma once

#include "observability/metric_registry.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace actord {

/// What one lookup asked for and found, counted when a status query takes its result.
struct lookup_tally {
  std::string model_name, salt;
  uint64_t requested_tokens = 0, hit_tokens = 0, hit_objects = 0;
  std::string early_exit; // why nothing was looked for, "" when something was
};

/// Cells by model and salt, kept by the SESSIONS (spec observability §2.4.5, §2.4.8).
class lookup_meters {
public:
  /// Pairs of model and salt whose cells are remembered; beyond, the table begins anew.
  static constexpr size_t max_pairs = 4096;

  explicit lookup_meters(std::shared_ptr<metric_registry> registry);

  void count(const lookup_tally& tally);
  /// Lookups whose result nobody has taken yet.
  void set_active(uint64_t lookups) {
    active_->store(lookups, std::memory_order_relaxed);
  }

private:
  struct cells {
    counter_cell *lookups, *requested, *hit, *hit_l1, *hit_l1_keys;
  };

  const cells& cells_of(const std::string& model_name, const std::string& salt);

  std::shared_ptr<metric_registry> registry_;
  std::map<std::pair<std::string, std::string>, cells> cells_;
  std::shared_ptr<std::atomic<uint64_t>> active_ = std::make_shared<std::atomic<uint64_t>>(0);
};

} // namespace actord
