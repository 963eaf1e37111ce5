#include "actors/telemetry/log_control.hpp"

#include "actors/logging.hpp"
#include "actors/telemetry/event_bus.hpp"
#include "actors/telemetry/log_subscribers.hpp"
#include "tests/fixtures/actors.hpp"

#include <spdlog/sinks/ringbuffer_sink.h>

using namespace actord;
using namespace actord::test;

namespace {

struct fixture : actor_fixture {
  fixture() {
    set_logger_level("lmcache", log_level::info);
    add_log_sink(heard);
    publisher = std::make_shared<event_publisher>(
      100, [] { return 1.0; }, [](event_publisher::wake) {});
    bus = start(event_bus, publisher, uint64_t{100}, std::make_shared<metric_registry>());
    control = std::make_unique<log_control>(sys, bus, 100);
  }
  ~fixture() override {
    ask<caf::ok_atom>(bus, atom::stop_v);
    remove_log_sink(heard);
    set_logger_level("lmcache", log_level::info);
  }

  void level(std::string_view logger, log_level wanted) {
    REQUIRE(set_logger_level(logger, wanted));
    control->refresh();
    settle();
  }
  void publish(event_type type, event_details details) {
    publisher->publish(type, "req-1", std::move(details));
    tell(bus, atom::run_v);
  }
  void store() {
    auto name = std::make_shared<transfer_name>();
    name->device = "cpu";
    publish(event_type::mp_store_end, transfer_details{name, 2, 20, 32, 0.5});
  }
  std::vector<std::string> lines() {
    std::vector<std::string> result;
    for (const auto& each : heard->last_raw())
      result.emplace_back(each.payload.data(), each.payload.size());
    return result;
  }

  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> heard
    = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);
  event_publisher_ptr publisher;
  event_bus_actor bus;
  std::unique_ptr<log_control> control;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "at INFO only the direct lines are served, at DEBUG the steps, too") {
  attach_log_subscribers(*control, true);
  settle();
  CHECK_FALSE(publisher->wants(event_type::l1_read_reserved));
  CHECK_FALSE(publisher->wants(event_type::mp_store_start));
  CHECK(publisher->wants(event_type::mp_store_end));
  CHECK(publisher->wants(event_type::timeout_raised));
  store();
  CHECK(lines() == std::vector{"Stored 32 tokens in 0.500 seconds"s});
  level("lmcache", log_level::debug);
  CHECK(publisher->wants(event_type::l1_read_reserved));
  store();
  CHECK(lines().size() == 3);
  CHECK(lines()[1] == "MP store end: session=req-1 device=cpu stored_count=2");
  level("lmcache", log_level::info);
  CHECK_FALSE(publisher->wants(event_type::l1_read_reserved));
  store();
  CHECK(lines().size() == 4);
  level("lmcache", log_level::error);
  CHECK_FALSE(publisher->wants(event_type::mp_store_end));
  CHECK_FALSE(publisher->wants(event_type::timeout_raised));
}

TEST_CASE_FIXTURE(fixture, "one part at DEBUG costs the events of that part only") {
  attach_log_subscribers(*control, true);
  level("lmcache.l1", log_level::debug);
  CHECK(publisher->wants(event_type::l1_write_finished));
  CHECK_FALSE(publisher->wants(event_type::sm_write_finished));
  CHECK_FALSE(publisher->wants(event_type::mp_store_start));
}

TEST_CASE_FIXTURE(fixture, "without the steps the direct lines stay") {
  attach_log_subscribers(*control, false);
  level("lmcache", log_level::debug);
  CHECK_FALSE(publisher->wants(event_type::l1_write_finished));
  store();
  CHECK(lines() == std::vector{"Stored 32 tokens in 0.500 seconds"s});
  CHECK(ask<event_bus_status>(bus, atom::status_v).subscribers.size() == 2);
}

TEST_CASE_FIXTURE(fixture,
                  "subscribers stand in the order and under the names of the Python server") {
  attach_log_subscribers(*control, true);
  attach_extra_stats(*control, 10);
  settle();
  std::string names;
  for (const auto& each : ask<event_bus_status>(bus, atom::status_v).subscribers)
    names += each.name + " ";
  CHECK(names
        == "MPServerLoggingSubscriber L1LoggingSubscriber L2LoggingSubscriber "
           "SMLoggingSubscriber BlendLoggingSubscriber TimeoutLoggingSubscriber "
           "RequestLogSubscriber EvictionLogSubscriber ExtraStatsLoggingSubscriber ");
  publish(event_type::l1_eviction_loop_tick,
          eviction_tick_details{0.5, 0.8, false, 1ULL << 30, 2ULL << 30});
  CHECK(lines() == std::vector{"L1 memory usage: 1.00/2.00 GiB (50.0%)"s});
}
