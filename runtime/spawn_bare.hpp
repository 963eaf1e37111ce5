// Starts an actor whose body takes nothing but itself.
#pragma once

#include "runtime/actor_census.hpp"

#include <caf/actor_system.hpp>

namespace actord::runtime {

/// CAF 0.17.6 binds a reference to null when it spawns a function without arguments, which a
/// sanitized build does not let pass: one argument that is not used keeps it from that.
template <caf::spawn_options Os = caf::no_spawn_options, class Behavior, class Self>
auto spawn_bare(caf::actor_system& system, Behavior (*body)(Self*)) {
  return system.spawn<Os>([body](Self* self, int) { return body(self); }, 0);
}

/// The same under a name in the census.
template <caf::spawn_options Os = caf::no_spawn_options, class Behavior, class Self>
auto spawn_bare(caf::actor_system& system, actor_census& census, std::string name,
                Behavior (*body)(Self*)) {
  return spawn_named<Os>(
    system, census, std::move(name), [body](Self* self, int) { return body(self); }, 0);
}

} // namespace actord::runtime
