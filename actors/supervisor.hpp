// The actor that notices when another one dies.
#pragma once

#include "actors/interfaces.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <string>

namespace actord {

/// Watches actors that must not end before the daemon does. One that does is a bug: it is logged
/// with its name and reason, and `take_down` stops the daemon in order, so that its service manager
/// starts it anew. Nothing is lost by that but L1, whose state nobody could vouch for after the
/// bug.
supervisor_actor::behavior_type
supervisor(supervisor_actor::pointer self, std::function<void()> take_down);

} // namespace actord
