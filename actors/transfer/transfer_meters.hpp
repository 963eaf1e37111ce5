// What /metrics and the event bus are told of stores and retrieves.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/messages.hpp"
#include "observability/metric_registry.hpp"

#include <caf/actor_clock.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord {

/// Whose transfers are counted.
struct worker_name {
  std::string device; // where the copies run: "cpu", "cuda:0"
  int64_t instance_id = 0;
  std::string model_name;
  uint32_t chunk_tokens = 256;
};

/// The cells of one registered worker, kept by its transfer (spec observability §2.4.2, §2.4.7),
/// and its way to the event bus.
class transfer_meters {
public:
  /// Salts whose cell is remembered; beyond, the table begins anew.
  static constexpr size_t max_salts = 256;

  transfer_meters(std::shared_ptr<metric_registry> registry, event_publisher_ptr bus,
                  worker_name worker);

  /// A retrieve did not find what its lookup had promised, or had no lookup.
  void read_failed(const key_space& space, const chunk_range& range, uint32_t rank,
                   const std::vector<group_layout>& groups);

  const worker_name& worker() const {
    return worker_;
  }

private:
  friend class transfer_mark;

  struct cells {
    counter_cell *submitted, *finished;
  };

  counter_cell& loaded(const std::string& salt);

  std::shared_ptr<metric_registry> registry_;
  event_publisher_ptr bus_;
  worker_name worker_;
  cells stores_, retrieves_;
  std::map<std::string, counter_cell*> loaded_; // by salt
};

using transfer_meters_ptr = std::shared_ptr<transfer_meters>;

/// One transfer that was accepted: it ends exactly once, with what it moved or, when it is dropped,
/// with nothing, so that "submitted - finished" is what is under way.
class transfer_mark {
public:
  using time_point = caf::actor_clock::time_point;
  enum class way { store, retrieve };

  transfer_mark() = default;
  transfer_mark(way direction, transfer_meters_ptr meters, std::string request_id,
                std::string cache_salt, std::shared_ptr<const trace_parent> parent = nullptr);
  /// The same, of a request's key.
  transfer_mark(way direction, transfer_meters_ptr meters, const wire::cache_key& key);
  transfer_mark(transfer_mark&& other) noexcept;
  transfer_mark& operator=(transfer_mark&& other) noexcept;
  ~transfer_mark();

  /// A retrieve found what it was promised: for those who record calls.
  void reading(const key_space& space, const chunk_range& range, const std::vector<slot>& slots);
  /// The bytes begin to move.
  void start(time_point now);
  /// They have moved. Without it, the transfer has failed.
  void done(uint64_t bytes, uint64_t chunks, time_point now);
  /// Over, and nothing had to move.
  void nothing_to_move();
  /// It has failed. Does nothing when it is over.
  void failed(std::string why);

private:
  void end(transfer_details details);
  bool told() const;

  way direction_ = way::store;
  transfer_meters_ptr meters_; // null: over
  std::string request_id_, cache_salt_;
  std::shared_ptr<const transfer_name> name_; // null: nobody listens
  event_keys read_;                           // null: nobody records
  time_point began_{};
};

} // namespace actord
