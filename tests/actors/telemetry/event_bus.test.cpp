#include "actors/telemetry/event_bus.hpp"

#include "actors/logging.hpp"
#include "actors/telemetry/subscriber.hpp"
#include "tests/fixtures/actors.hpp"

#include <caf/scoped_actor.hpp>
#include <spdlog/sinks/ringbuffer_sink.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

using namespace actord;
using namespace actord::test;

namespace {

using lines = std::vector<std::string>;
using lines_ptr = std::shared_ptr<lines>;

// Notes what it gets; one with a long name throws on the event of a session called "bad".
class recorder final : public event_subscriber {
public:
  recorder(std::string name, event_mask interests, lines_ptr out)
    : name_(std::move(name)), interests_(interests), out_(std::move(out)) {
  }
  std::string_view name() const override {
    return name_;
  }
  event_mask interests() const override {
    return interests_;
  }
  void handle(const event& what) override {
    if (what.session_id == "bad" && name_.size() > 1)
      throw std::runtime_error("bad session");
    out_->push_back(name_ + " " + what.session_id);
  }
  void missed_events() override {
    out_->push_back(name_ + " missed some");
  }
  void shut_down() override {
    out_->push_back(name_ + " ends");
    throw std::runtime_error("and fails");
  }

private:
  std::string name_;
  event_mask interests_;
  lines_ptr out_;
};

constexpr auto begins = event_type::mp_request_start;
constexpr auto ends = event_type::mp_request_end;

struct fixture : actor_fixture {
  void begin_bus(uint64_t capacity) {
    publisher = std::make_shared<event_publisher>(
      capacity, [this] { return now_s; },
      [this](event_publisher::wake when) {
        (when == event_publisher::wake::now ? woken_now : woken_soon)++;
      });
    bus = keep(sys.spawn(event_bus, publisher, capacity, registry));
    settle();
  }
  subscriber_actor join(std::string name, event_mask interests, uint64_t capacity = 100) {
    auto result
      = keep(attach(sys, bus, capacity, std::make_unique<recorder>(name, interests, out)));
    settle();
    return result;
  }
  void publish(event_type type, int first, int last) {
    for (int i = first; i <= last; ++i)
      publisher->publish(type, std::to_string(i));
  }
  void drain() {
    tell(bus, atom::run_v);
  }
  event_bus_status status() {
    return ask<event_bus_status>(bus, atom::status_v);
  }
  void check_laws() {
    const auto now = status();
    CHECK_EQ(now.published, now.dispatched + now.dropped + now.waiting);
    for (const auto& one : now.subscribers)
      CHECK_EQ(one.dispatched, one.mailbox.handled + one.mailbox.thrown + one.mailbox.dropped
                                 + one.mailbox.waiting);
  }

  double now_s = 1000;
  int woken_now = 0, woken_soon = 0;
  std::shared_ptr<metric_registry> registry = std::make_shared<metric_registry>();
  event_publisher_ptr publisher;
  event_bus_actor bus;
  lines_ptr out = std::make_shared<lines>();
};

} // namespace

TEST_CASE_FIXTURE(fixture, "subscribers get what they listen to, in the order of publication") {
  begin_bus(100);
  join("a", {begins, ends});
  join("b", {ends});
  publish(begins, 1, 2);
  publish(ends, 3, 3);
  publish(event_type::mp_lookup, 4, 4); // nobody listens
  drain();
  CHECK_EQ(*out, (lines{"a 1", "a 2", "a 3", "b 3"}));
  CHECK_EQ(status().published, 3u);
  check_laws();
}

TEST_CASE_FIXTURE(fixture, "what nobody listens to is not even counted") {
  begin_bus(100);
  CHECK_FALSE(publisher->wants(begins));
  publish(begins, 1, 5);
  join("a", {begins});
  CHECK(publisher->wants(begins));
  CHECK_FALSE(publisher->wants(ends));
  drain();
  CHECK(out->empty());
  CHECK_EQ(status().published, 0u);
}

TEST_CASE_FIXTURE(fixture, "the event beyond the bound is dropped, the others keep their order") {
  begin_bus(10'000);
  join("a", {begins}, 20'000);
  publish(begins, 1, 10'001);
  CHECK_EQ(status().waiting, 10'000u);
  CHECK_EQ(status().dropped, 1u);
  drain();
  REQUIRE_EQ(out->size(), 10'001u);
  CHECK_EQ(out->at(9'999), "a 10000");
  CHECK_EQ(out->at(10'000), "a missed some");
  drain(); // the loss is told once
  CHECK_EQ(out->size(), 10'001u);
  check_laws();
}

TEST_CASE_FIXTURE(fixture, "the bus is woken for the first event, and at once for a batch") {
  begin_bus(10'000);
  join("a", {begins}, 20'000);
  constexpr int batch = event_publisher::batch_size;
  publish(begins, 1, batch - 1);
  CHECK_EQ(woken_soon, 1);
  CHECK_EQ(woken_now, 0);
  publish(begins, batch, batch + 100);
  CHECK_EQ(woken_now, 1);
  drain();
  publish(begins, 1, 1);
  CHECK_EQ(woken_soon, 2);
}

TEST_CASE_FIXTURE(fixture, "a subscriber that throws is counted by name and harms no other") {
  begin_bus(100);
  join("L1FailureMetricsSubscriber", {begins});
  join("b", {begins});
  publish(begins, 1, 1);
  publisher->publish(begins, "bad");
  publish(begins, 2, 2);
  drain();
  CHECK_EQ(*out, (lines{"L1FailureMetricsSubscriber 1", "L1FailureMetricsSubscriber 2", "b 1",
                        "b bad", "b 2"}));
  const auto now = status();
  CHECK_EQ(now.subscribers[0].mailbox.thrown, 1u);
  CHECK_EQ(now.subscribers[0].mailbox.handled, 2u);
  check_laws();
  std::vector<std::string> failed;
  for (const auto& family : registry->Collect())
    if (family.name == "lmcache_mp_event_bus_subscriber_exceptions_total")
      for (const auto& point : family.metric)
        failed.push_back(point.label.at(0).value);
  CHECK_EQ(failed, (lines{"L1FailureMetricsSubscriber"})); // those that failed, and no other
}

TEST_CASE_FIXTURE(fixture, "losses are one warning a second, failures one error a second") {
  auto heard = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);
  heard->set_pattern("%l %v");
  add_log_sink(heard);
  begin_bus(2);
  join("SlowSubscriber", {begins}, 10);
  auto burst = [&](int events) {
    publish(begins, 1, events);
    publisher->publish(ends, "nobody listens");
    drain();
  };
  burst(3);
  burst(5); // within the second
  pass(std::chrono::seconds(1));
  burst(2);
  burst(3);
  for (int i = 0; i < 2; ++i) {
    publisher->publish(begins, "bad");
    drain();
  }
  ask<caf::ok_atom>(bus, atom::stop_v);
  remove_log_sink(heard);
  lines said;
  for (auto text : heard->last_formatted())
    said.push_back(text.substr(0, text.find_last_not_of('\n') + 1));
  CHECK_EQ(said,
           (lines{"warning EventBus queue full (max_queue_size=2), 1 event(s) discarded so far",
                  "warning EventBus queue full (max_queue_size=2), 5 event(s) discarded so far",
                  "error EventBus: error in callback SlowSubscriber for mp.request.start: bad "
                  "session",
                  "error EventBus: error shutting down SlowSubscriber: and fails"}));
}

TEST_CASE_FIXTURE(fixture, "a batch that does not fit is lost as a whole, and to nobody else") {
  begin_bus(100);
  join("slow", {begins}, 3);
  join("fast", {begins});
  publish(begins, 1, 4);
  drain();
  CHECK_EQ(status().subscribers[0].mailbox.dropped, 4u);
  CHECK_EQ(status().subscribers[1].mailbox.handled, 4u);
  CHECK_EQ(status().dropped, 0u);
  CHECK_EQ(std::ranges::count(*out, "slow missed some"), 1);
  CHECK_EQ(std::ranges::count(*out, "fast missed some"), 0);
  drain(); // the loss is told once
  CHECK_EQ(std::ranges::count(*out, "slow missed some"), 1);
  publish(begins, 5, 7);
  drain();
  CHECK_EQ(status().subscribers[0].mailbox.handled, 3u);
  check_laws();
}

TEST_CASE_FIXTURE(fixture, "interests may change") {
  begin_bus(100);
  auto one = join("a", {begins});
  tell(bus, atom::subscribe_v, one, subscription{"a", {}, nullptr});
  CHECK_FALSE(publisher->wants(begins));
  tell(bus, atom::subscribe_v, one, subscription{"a", {begins}, nullptr});
  CHECK(publisher->wants(begins));
  CHECK_EQ(status().subscribers.size(), 1u);
  tell(bus, atom::subscribe_v, one, subscription{"a", {begins, ends}, nullptr});
  publish(begins, 1, 1);
  publish(ends, 2, 2);
  drain();
  CHECK_EQ(*out, (lines{"a 1", "a 2"})); // more than it was made for
  check_laws();
}

TEST_CASE_FIXTURE(fixture, "stopping hands out what waits, then ends the last subscriber first") {
  begin_bus(100);
  join("a", {begins});
  join("b", {begins});
  publish(begins, 1, 2);
  ask<caf::ok_atom>(bus, atom::stop_v);
  CHECK_EQ(*out, (lines{"a 1", "a 2", "b 1", "b 2", "b ends", "a ends"}));
  CHECK_FALSE(publisher->wants(begins));
  publish(begins, 3, 3);
  drain();
  CHECK_EQ(out->size(), 6u);
}

TEST_CASE_FIXTURE(fixture, "depth and lag are those of the queue") {
  begin_bus(100);
  join("a", {begins});
  publish(begins, 1, 1);
  now_s = 1002.5;
  publish(begins, 2, 2);
  CHECK_EQ(publisher->counts().waiting, 2u);
  CHECK_EQ(publisher->lag_s(), doctest::Approx(2.5));
  drain();
  CHECK_EQ(publisher->counts().waiting, 0u);
  CHECK_EQ(publisher->lag_s(), 0);
}

TEST_CASE("without a bus nobody listens") {
  auto none = event_publisher::none();
  for (const auto type : {begins, ends, event_type::l1_read_finished})
    CHECK_FALSE(none->wants(type));
  none->publish(begins, "x");
  CHECK_EQ(none->counts().admitted, 0u);
}

TEST_CASE("the laws hold on real threads, with a flood and a subscriber that is slow") {
  actor_config cfg;
  caf::actor_system sys{cfg};
  auto registry = std::make_shared<metric_registry>();
  runtime::actor_census census;
  auto started = start_event_bus(sys, census, 1000, registry);
  auto out = std::make_shared<lines>();
  attach(sys, started.bus, 50, std::make_unique<recorder>("slow", event_mask{begins}, out));
  attach(sys, started.bus, 1000,
         std::make_unique<recorder>("fast", event_mask{begins}, std::make_shared<lines>()));
  caf::scoped_actor self{sys};
  event_bus_status now;
  auto look = [&] {
    self->request(started.bus, caf::infinite, atom::status_v)
      .receive([&](event_bus_status& status) { now = std::move(status); },
               [&](caf::error& reason) { FAIL(sys.render(reason)); });
  };
  look(); // both have joined
  constexpr uint64_t each = 20'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (uint64_t n = 0; n < each; ++n)
        started.publisher->publish(begins, n % 100 == 0 ? "bad" : "x");
    });
  for (auto& one : threads)
    one.join();
  auto at_rest = [&] {
    look();
    bool rest = now.waiting == 0;
    for (const auto& one : now.subscribers)
      rest &= one.mailbox.waiting == 0;
    return rest;
  };
  while (!at_rest())
    std::this_thread::yield();
  CHECK_EQ(now.published, 3 * each);
  CHECK_EQ(now.published, now.dispatched + now.dropped);
  for (const auto& one : now.subscribers) {
    CHECK_EQ(one.dispatched, now.dispatched);
    CHECK_EQ(one.dispatched, one.mailbox.handled + one.mailbox.thrown + one.mailbox.dropped);
  }
  self->request(started.bus, caf::infinite, atom::stop_v)
    .receive([](caf::ok_atom) {}, [&](caf::error& reason) { FAIL(sys.render(reason)); });
  self->send_exit(started.bus, caf::exit_reason::user_shutdown);
}
