#include "actors/telemetry/subscriber.hpp"

#include "actors/log.hpp"
#include "observability/event_table.hpp"

#include <chrono>
#include <utility>

namespace actord {

subscriber::subscriber(caf::actor_config& cfg, size_t capacity,
                       std::shared_ptr<runtime::mailbox_meter> meter,
                       std::unique_ptr<event_subscriber> inner)
  : runtime::bounded_mailbox<subscriber_actor::base, event_batch>(cfg, capacity, std::move(meter)),
    inner_(std::move(inner)) {
}

subscriber::behavior_type subscriber::make_behavior() {
  return {
    [this](const event_batch& batch) { take(batch); },
    [this](atom::lost) {
      guard("after lost events", [this] { inner_->missed_events(); });
      return caf::ok_atom_v;
    },
    [this](atom::stop) {
      guard("shutting down", [this] { inner_->shut_down(); });
      quit();
      return caf::ok_atom_v;
    },
  };
}

void subscriber::take(const event_batch& batch) {
  for (const auto& one : *batch.events)
    if (batch.interests.has(one.type))
      handle([&] { inner_->handle(one); }, [&](const char* what) { log_failure(one.type, what); });
}

void subscriber::log_failure(event_type type, const char* what) {
  const auto now = clock().now();
  if (last_log_ && now - *last_log_ < std::chrono::seconds(1))
    return;
  last_log_ = now;
  log_error(log_part::event_bus, "EventBus: error in callback {} for {}: {}", inner_->name(),
            info(type).name, what);
}

void subscriber::guard(const char* what, const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& fault) {
    log_error(log_part::event_bus, "EventBus: error {} {}: {}", what, inner_->name(), fault.what());
  }
}

subscriber_actor attach(caf::actor_system& system, const event_bus_actor& bus, size_t capacity,
                        std::unique_ptr<event_subscriber> inner) {
  auto meter = std::make_shared<runtime::mailbox_meter>();
  subscription entry{std::string{inner->name()}, inner->interests(), meter};
  subscriber_actor result = system.spawn<subscriber>(capacity, meter, std::move(inner));
  caf::anon_send(bus, atom::subscribe_v, result, std::move(entry));
  return result;
}

} // namespace actord
