#include "actors/telemetry/metric_subscribers.hpp"

#include "actors/telemetry/subscriber.hpp"
#include "observability/subscribers/blend_subscriber.hpp"
#include "observability/subscribers/l2_subscribers.hpp"
#include "observability/subscribers/lifecycle_subscribers.hpp"
#include "observability/subscribers/throughput_subscribers.hpp"

namespace actord {

void attach_metric_subscribers(caf::actor_system& system, const event_bus_actor& bus,
                               size_t capacity, const std::shared_ptr<metric_registry>& registry,
                               double sample_rate) {
  auto add = [&](std::unique_ptr<event_subscriber> inner) {
    attach(system, bus, capacity, std::move(inner));
  };
  add(std::make_unique<l0_lifecycle_subscriber>(registry, sample_rate));
  add(std::make_unique<l1_lifecycle_subscriber>(registry, sample_rate));
  add(std::make_unique<transfer_throughput_subscriber>(registry));
  add(std::make_unique<l2_metrics_subscriber>(registry));
  add(std::make_unique<l2_failure_subscriber>(registry));
  add(std::make_unique<l2_throughput_subscriber>(registry));
  add(std::make_unique<reuse_subscriber>(registry, sample_rate));
  add(std::make_unique<blend_subscriber>(registry));
  add(std::make_unique<transfer_phase_subscriber>(registry));
}

} // namespace actord
