// What /metrics tells of stores and retrieves.
#pragma once

#include "observability/metric_registry.hpp"

#include <caf/actor_clock.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace actord {

/// Where one direction of a worker's transfers is counted.
struct transfer_cells {
  std::shared_ptr<metric_registry> owner; // of the cells: a transfer may outlive its actor
  counter_cell* submitted = nullptr;
  counter_cell* finished = nullptr;
  histogram_cell* rate = nullptr; // GB/s
  counter_cell* chunks = nullptr; // null: not counted
};

/// The cells of one registered worker, kept by its transfer (spec observability §2.4.6, §2.4.7).
class transfer_meters {
public:
  /// Salts whose cell is remembered; beyond, the table begins anew.
  static constexpr size_t max_salts = 256;

  transfer_meters(std::shared_ptr<metric_registry> registry, int64_t instance_id,
                  std::string model_name);

  const transfer_cells& stores() const {
    return stores_;
  }
  transfer_cells retrieves(const std::string& salt);

private:
  std::shared_ptr<metric_registry> registry_;
  std::string instance_id_, model_name_;
  transfer_cells stores_, retrieves_;
  std::map<std::string, counter_cell*> loaded_; // by salt
};

/// One transfer that was begun: it ends exactly once, with what it moved or, when it is dropped,
/// without, so that "submitted - finished" is what is under way.
class transfer_mark {
public:
  using time_point = caf::actor_clock::time_point;

  transfer_mark() = default;
  transfer_mark(const transfer_cells& to, time_point now) : to_(to), began_(now) {
    to_.submitted->add();
  }
  transfer_mark(transfer_mark&& other) noexcept
    : to_(std::exchange(other.to_, {})), began_(other.began_) {
  }
  transfer_mark& operator=(transfer_mark&& other) noexcept {
    std::swap(to_, other.to_); // what was here ends with `other`
    std::swap(began_, other.began_);
    return *this;
  }
  ~transfer_mark() {
    if (to_.finished)
      to_.finished->add();
  }

  void done(uint64_t bytes, uint64_t chunks, time_point now);

private:
  transfer_cells to_;
  time_point began_;
};

} // namespace actord
