// Which subscribers of the log the bus has to serve.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/log.hpp"

#include <caf/actor_system.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace actord {

/// Subscribers whose lines the log leaves out listen to nothing, so their events are not even made.
class log_control {
public:
  log_control(caf::actor_system& system, event_bus_actor bus, size_t capacity);

  /// How a subscriber runs: a thread of its own is for those that wait for a disk.
  enum class on { scheduler, own_thread };

  /// Starts a subscriber and registers it, after those that were attached before it by this thread.
  /// @param part,level the most important line that it writes
  void attach(std::unique_ptr<event_subscriber> inner, log_part part,
              spdlog::level::level_enum level, on where = on::scheduler);

  /// Levels have changed: tells the bus who listens now. Any thread.
  void refresh();

private:
  struct entry {
    subscriber_actor handle;
    subscription wish; // while its lines are wanted
    log_part part;
    spdlog::level::level_enum level;
    bool listens;
  };

  void tell(const entry& whom) const;

  caf::actor_system& system_;
  event_bus_actor bus_;
  size_t capacity_;
  std::mutex mutex_; // what is told last is what holds
  std::vector<entry> entries_;
};

} // namespace actord
