#include "actors/telemetry/log_control.hpp"

#include "actors/telemetry/subscriber.hpp"

#include <caf/send.hpp>

#include <string>
#include <utility>

namespace actord {

log_control::log_control(caf::actor_system& system, event_bus_actor bus, size_t capacity)
  : system_(system), bus_(std::move(bus)), capacity_(capacity) {
}

void log_control::attach(std::unique_ptr<event_subscriber> inner, log_part part,
                         spdlog::level::level_enum level, on where) {
  auto meter = std::make_shared<runtime::mailbox_meter>();
  subscription wish{std::string{inner->name()}, inner->interests(), meter};
  subscriber_actor handle;
  if (where == on::own_thread)
    handle = system_.spawn<subscriber, caf::detached>(capacity_, meter, std::move(inner));
  else
    handle = system_.spawn<subscriber>(capacity_, meter, std::move(inner));
  std::lock_guard lock{mutex_};
  entries_.push_back(
    {std::move(handle), std::move(wish), part, level, logger_of(part).should_log(level)});
  tell(entries_.back());
}

void log_control::refresh() {
  std::lock_guard lock{mutex_};
  for (auto& each : entries_) {
    const bool wanted = logger_of(each.part).should_log(each.level);
    if (std::exchange(each.listens, wanted) != wanted)
      tell(each);
  }
}

void log_control::tell(const entry& whom) const {
  auto now = whom.wish;
  if (!whom.listens)
    now.interests = {};
  caf::anon_send(bus_, atom::subscribe_v, whom.handle, std::move(now));
}

} // namespace actord
