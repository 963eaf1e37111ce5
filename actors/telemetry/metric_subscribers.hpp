// The subscribers that turn events into metrics.
#pragma once

#include "actors/interfaces.hpp"
#include "observability/metric_registry.hpp"

#include <caf/actor_system.hpp>

#include <memory>

namespace actord {

/// Attaches them in the order of spec observability §1.6. What is counted where it happens has
/// none.
/// @param capacity events that may wait for each
/// @param sample_rate share of objects whose life is measured, (0, 1]
void attach_metric_subscribers(caf::actor_system& system, const event_bus_actor& bus,
                               size_t capacity, const std::shared_ptr<metric_registry>& registry,
                               double sample_rate);

} // namespace actord
