// The actor that makes spans.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/telemetry/span_outbox.hpp"
#include "runtime/options/daemon_options.hpp"

#include <caf/actor_system.hpp>

#include <memory>

namespace actord {

/// Attaches the span makers to the bus and lets log lines name the traces of their requests, until
/// the daemon calls `trace_requests(nullptr)`.
/// @param out takes the spans that are over; what is open when the bus ends goes there unbounded
void attach_tracing(caf::actor_system& system, const event_bus_actor& bus,
                    const daemon_options& options, std::shared_ptr<span_outbox> out);

} // namespace actord
