#include "actors/supervisor.hpp"

#include "actors/log.hpp"

#include <map>
#include <memory>

namespace actord {

supervisor_actor::behavior_type
supervisor(supervisor_actor::pointer self, std::function<void()> take_down) {
  auto names = std::make_shared<std::map<caf::actor_addr, std::string>>();
  self->set_down_handler([names, take_down](const caf::down_msg& down) {
    auto name = names->extract(down.source);
    const bool ordered = down.reason == caf::exit_reason::user_shutdown
                         || down.reason == caf::exit_reason::normal || !down.reason;
    if (!name || ordered)
      return;
    log_critical(log_part::server,
                 "Actor {} ended unexpectedly ({}); the daemon stops. Please report this with the "
                 "log lines above.",
                 name.mapped(), caf::to_string(down.reason));
    take_down();
  });
  return {
    [self, names](atom::attach, const caf::strong_actor_ptr& ward, const std::string& name) {
      (*names)[caf::actor_cast<caf::actor_addr>(ward)] = name;
      self->monitor(ward);
    },
  };
}

} // namespace actord
