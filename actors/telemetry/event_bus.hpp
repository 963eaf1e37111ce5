// The actor that hands events to their subscribers.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/interfaces.hpp"
#include "observability/metric_registry.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/reply.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace actord {

/// What /metrics tells of the bus. Read by scrapes, written by the bus.
class bus_meters {
public:
  explicit bus_meters(event_publisher_ptr publisher);

  void read(gauge_sink& to) const;
  void add(const subscription& entry);

private:
  event_publisher_ptr publisher_;
  mutable std::mutex mutex_; // a scrape meets a registration at most
  std::vector<subscription> subscribers_;
};

/// The state of the EVENT BUS (spec observability §1). What subscribers miss because their own
/// mailboxes are full is counted there.
class event_bus_state {
public:
  static inline const char* name = "event-bus";

  explicit event_bus_state(event_bus_actor::pointer self);

  void
  init(event_publisher_ptr publisher, uint64_t capacity, std::shared_ptr<metric_registry> metrics);
  /// Hands out what waits.
  void drain();
  void subscribe(const subscriber_actor& handle, subscription entry);
  event_bus_status status() const;

  struct listener {
    subscriber_actor handle;
    subscription entry;
    uint64_t dispatched = 0;
    uint64_t dropped_seen = 0;
    bool telling = false; // of lost events: one message at a time
    bool more_to_tell = false;
  };
  std::vector<listener> listeners; // in the order of registration
  event_publisher_ptr publisher;

private:
  void hand_out(std::vector<event> events);
  void look_for_drops();
  void tell_of_loss(listener& whom);
  bool may_warn();

  event_bus_actor::pointer self_;
  uint64_t capacity_ = 0;
  uint64_t dispatched_ = 0;
  uint64_t dropped_seen_ = 0;
  std::optional<caf::actor_clock::time_point> last_warning_;
  std::shared_ptr<bus_meters> meters_;
};

event_bus_actor::behavior_type
event_bus(event_bus_actor::stateful_pointer<event_bus_state> self, event_publisher_ptr publisher,
          uint64_t capacity, std::shared_ptr<metric_registry> metrics);

/// A started bus and the way to it.
struct running_bus {
  event_bus_actor bus;
  event_publisher_ptr publisher;
};

/// Events wait for company for at most this long before they are handed out.
constexpr auto event_linger = std::chrono::milliseconds(100);

/// @param capacity events that may wait, > 0
running_bus start_event_bus(caf::actor_system& system, runtime::actor_census& census,
                            uint64_t capacity, std::shared_ptr<metric_registry> metrics);

} // namespace actord
