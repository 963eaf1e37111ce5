// How the daemon's actor system is set up.
#pragma once

#include "actors/error.hpp"
#include "actors/l2_control.hpp"

#include <caf/actor_system_config.hpp>

#include <thread>

namespace actord {

/// CAF takes no options of its own from the command line, the environment or a file.
class system_config : public caf::actor_system_config {
public:
  system_config() {
    add_message_types<caf::id_block::actord_messages>();
    add_message_types<caf::id_block::actord_actors>();
    add_message_types<caf::id_block::actord_l2_control>();
    add_error_category(caf::atom("actord"), [](uint8_t code, caf::atom_value, const caf::message&) {
      return to_string(static_cast<ec>(code));
    });
    // `stealing` polls with sleeps and doubles a hop's latency (measured: 200 against 97 µs).
    set("scheduler.policy", caf::atom("sharing"));
    // CAF would start four even on a smaller machine.
    set("scheduler.max-threads", static_cast<size_t>(std::thread::hardware_concurrency()));
  }
};

} // namespace actord
