// The actor around an event_subscriber.
#pragma once

#include "actors/interfaces.hpp"
#include "runtime/bounded_mailbox.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>
#include <optional>

namespace actord {

/// One SUBSCRIBER. An event whose handling throws is counted and logged, at most once a second; the
/// next one is handled as if nothing had been.
class subscriber final : public runtime::bounded_mailbox<subscriber_actor::base, event_batch> {
public:
  subscriber(caf::actor_config& cfg, size_t capacity, std::shared_ptr<runtime::mailbox_meter> meter,
             std::unique_ptr<event_subscriber> inner);

  const char* name() const override {
    return "subscriber";
  }

private:
  behavior_type make_behavior() override;
  void take(const event_batch& batch);
  void log_failure(event_type type, const char* what);
  void guard(const char* what, const std::function<void()>& body);

  std::unique_ptr<event_subscriber> inner_;
  std::optional<caf::actor_clock::time_point> last_log_;
};

/// Starts a SUBSCRIBER and registers it with the bus, after those that were attached before it by
/// this thread.
/// @param capacity events that may wait for it
subscriber_actor attach(caf::actor_system& system, const event_bus_actor& bus, size_t capacity,
                        std::unique_ptr<event_subscriber> inner);

} // namespace actord
