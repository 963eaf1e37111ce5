#include "actors/telemetry/event_bus.hpp"

#include "actors/log.hpp"
#include "runtime/ask.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace actord {

namespace {

using bus_pointer = event_bus_actor::stateful_pointer<event_bus_state>;

// A subscriber that writes to a slow disk or network has this long for its last words.
constexpr auto subscriber_stop_time = std::chrono::seconds(30);

double unix_time_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

uint64_t
wanted_by(const event_mask& interests, const std::array<uint64_t, event_type_count>& counts) {
  uint64_t result = 0;
  for (size_t i = 0; i < event_type_count; ++i)
    if (interests.has(static_cast<event_type>(i)))
      result += counts[i];
  return result;
}

runtime::task stop_bus(bus_pointer self, runtime::reply<caf::ok_atom> out) {
  auto& state = self->state;
  state.publisher->close();
  state.drain();
  while (state.publisher->counts().waiting > 0) { // pushes that were under way
    co_await runtime::next_turn{self};
    state.drain();
  }
  state.publisher->listen_to({});
  auto ending = std::exchange(state.listeners, {});
  for (auto last = ending.rbegin(); last != ending.rend(); ++last) {
    auto handle = last->handle;
    auto ended = co_await runtime::ask(self, handle, subscriber_stop_time, atom::stop_v);
    if (!ended) {
      log_warn(log_part::event_bus, "EventBus: {} did not end in {} s and is left behind",
               last->entry.name, subscriber_stop_time.count());
      self->send_exit(handle, caf::exit_reason::kill);
    }
  }
  out.deliver(caf::ok_atom_v);
}

} // namespace

bus_meters::bus_meters(event_publisher_ptr publisher) : publisher_(std::move(publisher)) {
}

void bus_meters::add(const subscription& entry) {
  std::lock_guard lock{mutex_};
  subscribers_.push_back(entry);
}

void bus_meters::read(gauge_sink& to) const {
  const auto counts = publisher_->counts();
  to.set(metric::event_bus_queue_depth, {}, static_cast<double>(counts.waiting));
  to.set(metric::event_bus_drain_lag_seconds, {}, publisher_->lag_s());
  to.set(metric::event_bus_dropped_events, {}, static_cast<double>(counts.dropped));
  std::lock_guard lock{mutex_};
  for (const auto& each : subscribers_) {
    const auto mailbox = each.meter->read();
    to.set(metric::event_bus_subscriber_queue_depth, {each.name},
           static_cast<double>(mailbox.waiting));
    to.set(metric::event_bus_subscriber_dropped, {each.name}, static_cast<double>(mailbox.dropped));
    if (mailbox.thrown > 0)
      to.set(metric::event_bus_subscriber_exceptions, {each.name},
             static_cast<double>(mailbox.thrown));
  }
}

event_bus_state::event_bus_state(event_bus_actor::pointer self) : self_(self) {
}

void event_bus_state::init(event_publisher_ptr from, uint64_t capacity,
                           std::shared_ptr<metric_registry> metrics) {
  publisher = std::move(from);
  capacity_ = capacity;
  meters_ = std::make_shared<bus_meters>(publisher);
  metrics->add_source([from_bus = meters_](gauge_sink& to) { from_bus->read(to); });
}

void event_bus_state::drain() {
  hand_out(publisher->take_all());
  look_for_drops();
  if (publisher->counts().waiting > 0)
    self_->delayed_send(self_, event_linger, atom::run_v);
}

void event_bus_state::hand_out(std::vector<event> events) {
  if (events.empty())
    return;
  dispatched_ += events.size();
  std::array<uint64_t, event_type_count> counts{};
  for (const auto& each : events)
    ++counts[static_cast<size_t>(each.type)];
  auto shared = std::make_shared<const std::vector<event>>(std::move(events));
  for (auto& each : listeners)
    if (const auto wanted = wanted_by(each.entry.interests, counts); wanted > 0) {
      each.dispatched += wanted;
      self_->send(each.handle, event_batch{shared, each.entry.interests, wanted});
    }
}

// One warning a second, whoever was full; the counters tell the rest.
bool event_bus_state::may_warn() {
  const auto now = self_->clock().now();
  if (last_warning_ && now - *last_warning_ < std::chrono::seconds(1))
    return false;
  last_warning_ = now;
  return true;
}

void event_bus_state::look_for_drops() {
  if (const auto dropped = publisher->counts().dropped; dropped != dropped_seen_) {
    dropped_seen_ = dropped;
    for (auto& each : listeners)
      tell_of_loss(each);
    if (may_warn())
      log_warn(log_part::event_bus,
               "EventBus queue full (max_queue_size={}), {} event(s) discarded so far", capacity_,
               dropped);
  }
  for (auto& each : listeners)
    if (const auto dropped = each.entry.meter->read().dropped; dropped != each.dropped_seen) {
      each.dropped_seen = dropped;
      tell_of_loss(each);
      if (may_warn())
        log_warn(log_part::event_bus,
                 "EventBus subscriber {} is too slow (max_queue_size={}), {} event(s) "
                 "discarded so far",
                 each.entry.name, capacity_, dropped);
    }
}

// The mailbox of a subscriber that is stuck must not fill with these.
void event_bus_state::tell_of_loss(listener& whom) {
  if (std::exchange(whom.telling, true)) {
    whom.more_to_tell = true;
    return;
  }
  self_->request(whom.handle, caf::infinite, atom::lost_v)
    .then([this, handle = whom.handle](caf::ok_atom) {
      auto known = std::ranges::find(listeners, handle, &listener::handle);
      if (known == listeners.end())
        return;
      known->telling = false;
      if (std::exchange(known->more_to_tell, false))
        tell_of_loss(*known);
    });
}

void event_bus_state::subscribe(const subscriber_actor& handle, subscription entry) {
  auto known = std::ranges::find(listeners, handle, &listener::handle);
  if (known == listeners.end()) {
    meters_->add(entry);
    listeners.push_back({handle, std::move(entry)});
  } else {
    known->entry.interests = entry.interests;
  }
  event_mask all;
  for (const auto& each : listeners)
    all |= each.entry.interests;
  publisher->listen_to(all);
}

event_bus_status event_bus_state::status() const {
  const auto counts = publisher->counts();
  event_bus_status result{true,        capacity_,      counts.admitted + counts.dropped,
                          dispatched_, counts.dropped, counts.admitted - dispatched_,
                          {}};
  for (const auto& each : listeners)
    result.subscribers.push_back({each.entry.name, each.dispatched, each.entry.meter->read()});
  return result;
}

event_bus_actor::behavior_type
event_bus(bus_pointer self, event_publisher_ptr publisher, uint64_t capacity,
          std::shared_ptr<metric_registry> metrics) {
  self->state.init(std::move(publisher), capacity, std::move(metrics));
  return {
    [self](atom::run) { self->state.drain(); },
    [self](atom::subscribe, const subscriber_actor& handle, const subscription& entry) {
      self->state.subscribe(handle, entry);
    },
    [self](atom::status) { return self->state.status(); },
    [self](atom::stop) {
      auto promise = self->make_response_promise<caf::ok_atom>();
      stop_bus(self, runtime::reply{promise});
      return promise;
    },
  };
}

running_bus start_event_bus(caf::actor_system& system, runtime::actor_census& census,
                            uint64_t capacity, std::shared_ptr<metric_registry> metrics) {
  // The publisher outlives the bus: parts that still hold it then wake nobody.
  auto door = std::make_shared<caf::weak_actor_ptr>();
  auto publisher
    = std::make_shared<event_publisher>(capacity, unix_time_s, [door](event_publisher::wake when) {
        auto bus = caf::actor_cast<event_bus_actor>(*door);
        if (!bus)
          return;
        if (when == event_publisher::wake::now)
          caf::anon_send(bus, atom::run_v);
        else
          caf::delayed_anon_send(bus, event_linger, atom::run_v);
      });
  auto bus = runtime::spawn_named(system, census, "event-bus", event_bus, publisher, capacity,
                                  std::move(metrics));
  *door = caf::actor_cast<caf::weak_actor_ptr>(caf::actor_cast<caf::strong_actor_ptr>(bus));
  return {std::move(bus), std::move(publisher)};
}

} // namespace actord
