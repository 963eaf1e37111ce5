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

/// The cells of one registered worker, kept by its transfer (spec observability §2.4.6, §2.4.7).
class transfer_meters {
public:
  /// Salts whose cell is remembered; beyond, the table begins anew.
  static constexpr size_t max_salts = 256;

  transfer_meters(std::shared_ptr<metric_registry> registry, int64_t instance_id,
                  std::string model_name);

  void begin_store() {
    submitted_stores_->add();
  }
  /// @param bytes moved in `seconds`; 0: nothing was moved
  void end_store(uint64_t bytes, double seconds);
  void begin_retrieve() {
    submitted_retrieves_->add();
  }
  void end_retrieve(const std::string& salt, uint64_t chunks, uint64_t bytes, double seconds);

private:
  std::shared_ptr<metric_registry> registry_;
  std::string instance_id_, model_name_;
  counter_cell *submitted_stores_, *finished_stores_, *submitted_retrieves_, *finished_retrieves_;
  histogram_cell *store_rate_, *load_rate_;
  std::map<std::string, counter_cell*> loaded_; // by salt
};

/// One store that was begun: it ends exactly once, with its bytes or, when it is dropped, without.
class store_mark {
public:
  using time_point = caf::actor_clock::time_point;

  store_mark() = default;
  store_mark(std::shared_ptr<transfer_meters> to, time_point now)
    : to_(std::move(to)), began_(now) {
    to_->begin_store();
  }
  store_mark(store_mark&&) noexcept = default;
  store_mark& operator=(store_mark&& other) noexcept {
    std::swap(to_, other.to_); // what was here ends with `other`
    began_ = other.began_;
    return *this;
  }
  ~store_mark() {
    if (to_)
      to_->end_store(0, 0);
  }

  void done(uint64_t bytes, time_point now);

private:
  std::shared_ptr<transfer_meters> to_;
  time_point began_;
};

/// The same for a retrieve of `chunks` chunks.
class retrieve_mark {
public:
  using time_point = caf::actor_clock::time_point;

  retrieve_mark() = default;
  retrieve_mark(std::shared_ptr<transfer_meters> to, time_point now)
    : to_(std::move(to)), began_(now) {
    to_->begin_retrieve();
  }
  retrieve_mark(retrieve_mark&&) noexcept = default;
  retrieve_mark& operator=(retrieve_mark&& other) noexcept {
    std::swap(to_, other.to_);
    began_ = other.began_;
    return *this;
  }
  ~retrieve_mark() {
    if (to_)
      to_->end_retrieve("", 0, 0, 0);
  }

  void done(const std::string& salt, uint64_t chunks, uint64_t bytes, time_point now);

private:
  std::shared_ptr<transfer_meters> to_;
  time_point began_;
};

} // namespace actord
