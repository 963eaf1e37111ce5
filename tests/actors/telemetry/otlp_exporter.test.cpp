#include "actors/telemetry/otlp_exporter.hpp"

#include "tests/fixtures/actors.hpp"

#include <spdlog/details/log_msg.h>

#include <deque>

using namespace actord;
using namespace actord::test;

namespace {

struct sent {
  otlp::signal to;
  std::string message;
  int64_t timeout_ms;
};

/// A receiver that answers what the test says, done when it says nothing.
struct receiver final : otlp_transport {
  otlp::answer send(otlp::signal to, const std::string& message, int64_t timeout_ms) override {
    requests.push_back({to, message, timeout_ms});
    if (answers.empty())
      return {otlp::verdict::done, {}, {}, 0};
    auto result = answers.front();
    answers.pop_front();
    return result;
  }
  size_t count(otlp::signal which) const {
    return static_cast<size_t>(std::ranges::count(requests, which, &sent::to));
  }
  std::vector<sent> requests;
  std::deque<otlp::answer> answers;
};

const otlp::answer later{otlp::verdict::retry, "no", {}, 0};

spdlog::details::log_msg record(std::string_view text) {
  return {spdlog::string_view_t{"lmcache"}, spdlog::level::info,
          spdlog::string_view_t{text.data(), text.size()}};
}

struct fixture : actor_fixture {
  void begin(bool metrics = true) {
    otlp_exporter_options options;
    options.endpoint = "http://test";
    options.registry = registry;
    options.metrics_enabled = metrics;
    options.logs = logs;
    options.spans = spans;
    options.transport = peer;
    options.hurry = hurry;
    options.unix_ns = [] { return int64_t{7}; };
    exporter = start(otlp_exporter, options);
    settle();
  }

  double value(metric id, std::string_view signal) {
    return registry->counter(id, {signal}).value();
  }

  std::shared_ptr<metric_registry> registry = std::make_shared<metric_registry>();
  std::shared_ptr<log_outbox> logs = std::make_shared<log_outbox>([this](bool full) {
    if (exporter && !full)
      caf::delayed_anon_send(exporter, 1s, atom::run_v);
  });
  /// Makes `count` spans that are over.
  void trace(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      span_record done;
      done.scope = "scope";
      done.name = "span";
      done.span = ++last_span;
      spans->push(std::move(done));
    }
    settle();
  }
  size_t pushed() const {
    return peer->count(otlp::signal::traces);
  }

  std::shared_ptr<span_outbox> spans
    = std::make_shared<span_outbox>(span_outbox::limits{16, 4}, [this](bool) {
        if (exporter)
          caf::anon_send(exporter, atom::run_v);
      });
  span_id last_span = 0;
  std::shared_ptr<receiver> peer = std::make_shared<receiver>();
  std::shared_ptr<std::atomic<bool>> hurry = std::make_shared<std::atomic<bool>>(false);
  otlp_exporter_actor exporter;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "metrics go out every ten seconds") {
  begin();
  pass(9'999ms);
  CHECK(peer->requests.empty());
  pass(1ms);
  REQUIRE(peer->count(otlp::signal::metrics) == 1);
  CHECK(peer->requests[0].timeout_ms == 10'000);
  CHECK(peer->requests[0].message.find("lmcache_mp.lookup") == std::string::npos); // no series yet
  CHECK(peer->requests[0].message.find("lmcache_mp.sm_read_requests") != std::string::npos);
  CHECK(value(metric::otlp_exported_points, "metrics") > 10);
  registry->counter(metric::lookups, {"model", ""}).add(1);
  pass(10s);
  REQUIRE(peer->count(otlp::signal::metrics) == 2);
  CHECK(peer->requests[1].message.find("lmcache_mp.lookups") != std::string::npos);
  pass(10s);
  CHECK(peer->requests.size() == 3);
  CHECK(value(metric::otlp_dropped_points, "metrics") == 0);
}

TEST_CASE_FIXTURE(fixture, "a refused push is tried again, and dropped for the next collection") {
  begin();
  peer->answers.assign(100, later);
  pass(10s);
  CHECK(peer->requests.size() == 1);
  pass(1'300ms);
  CHECK(peer->requests.size() == 2);
  CHECK(peer->requests[1].message == peer->requests[0].message);
  CHECK(peer->requests[1].timeout_ms < 9'500);
  pass(2'500ms);
  pass(5s);
  CHECK(peer->requests.size() == 4);
  CHECK(value(metric::otlp_retries, "metrics") == 3);
  CHECK(value(metric::otlp_dropped_points, "metrics") > 10);
  peer->answers.clear();
  pass(2s);
  CHECK(peer->requests.size() == 5);
  CHECK(value(metric::otlp_exported_points, "metrics") > 10);
}

TEST_CASE_FIXTURE(fixture, "log records go out together a while after the first") {
  begin(false);
  logs->log(record("one"));
  logs->log(record("two"));
  settle();
  CHECK(peer->requests.empty());
  pass(1s);
  REQUIRE(peer->requests.size() == 1);
  CHECK(peer->requests[0].message.find("one") < peer->requests[0].message.find("two"));
  CHECK(value(metric::otlp_exported_points, "logs") == 2);
  logs->log(record("three"));
  pass(1s);
  CHECK(peer->requests.size() == 2);
}

TEST_CASE_FIXTURE(fixture, "records of before the exporter go out at once") {
  logs->log(record("early"));
  begin(false);
  REQUIRE(peer->requests.size() == 1);
  CHECK(peer->requests[0].to == otlp::signal::logs);
}

TEST_CASE_FIXTURE(fixture,
                  "while a batch waits for its next try, records stay in the bounded box") {
  begin(false);
  peer->answers.assign(1, later);
  logs->log(record("first"));
  tell(exporter, atom::run_v);
  CHECK(peer->requests.size() == 1);
  for (size_t i = 0; i < log_outbox::capacity + 5; ++i)
    logs->log(record("more"));
  tell(exporter, atom::run_v);
  CHECK(peer->requests.size() == 1);
  CHECK(logs->counts().waiting == log_outbox::capacity);
  CHECK(value(metric::otlp_dropped_points, "logs") == 5);
  pass(1'300ms);
  pass(1s);
  CHECK(peer->requests.size() == 3);
  CHECK(value(metric::otlp_exported_points, "logs") == 1 + log_outbox::capacity);
}

TEST_CASE_FIXTURE(fixture,
                  "a signal that the receiver refuses is offered again with the next push") {
  begin();
  peer->answers = {{otlp::verdict::drop, "404", {}, 0}};
  pass(10s);
  CHECK(peer->count(otlp::signal::metrics) == 1);
  CHECK(value(metric::otlp_dropped_points, "metrics") > 10);
  logs->log(record("fine"));
  tell(exporter, atom::run_v);
  CHECK(peer->count(otlp::signal::logs) == 1);
  pass(10s);
  CHECK(peer->count(otlp::signal::metrics) == 2);
  CHECK(value(metric::otlp_exported_points, "metrics") > 10);
}

TEST_CASE_FIXTURE(fixture, "the end pushes once more, with one try each") {
  begin();
  logs->log(record("last words"));
  hurry->store(true);
  tell(exporter, atom::run_v);
  CHECK(peer->requests.empty());
  ask<caf::ok_atom>(exporter, atom::stop_v);
  REQUIRE(peer->requests.size() == 2);
  CHECK(peer->requests[0].to == otlp::signal::metrics);
  CHECK(peer->requests[0].timeout_ms <= 3'000);
  CHECK(peer->requests[1].message.find("last words") != std::string::npos);
  logs->log(record("too late"));
  CHECK(logs->counts().waiting == 0);
}

TEST_CASE_FIXTURE(fixture, "the end sends a batch that waits for its next try, and gives up once") {
  begin();
  peer->answers = {later, later, later};
  logs->log(record("early"));
  tell(exporter, atom::run_v);
  CHECK(peer->requests.size() == 1);
  hurry->store(true);
  ask<caf::ok_atom>(exporter, atom::stop_v);
  CHECK(peer->count(otlp::signal::metrics) == 1);
  CHECK(peer->count(otlp::signal::logs) == 2);
  CHECK(value(metric::otlp_dropped_points, "logs") == 1);
}

TEST_CASE("the box of log records keeps level, time and as much text as it may") {
  log_outbox box{[](bool) {}};
  auto long_text = std::string(10'000, 'x');
  auto warning = record(long_text);
  warning.level = spdlog::level::warn;
  box.log(warning);
  for (auto level : {spdlog::level::debug, spdlog::level::err, spdlog::level::critical}) {
    auto next = record("text");
    next.level = level;
    box.log(next);
  }
  auto taken = box.take();
  REQUIRE(taken.size() == 4);
  CHECK(taken[0].level == otlp::severity::warning);
  CHECK(taken[0].body == std::string(log_outbox::text_limit_bytes, 'x'));
  CHECK(taken[0].time_ns
        == std::chrono::duration_cast<std::chrono::nanoseconds>(warning.time.time_since_epoch())
             .count());
  CHECK(taken[0].logger == "lmcache");
  CHECK(taken[0].request_id.empty());
  CHECK(taken[1].level == otlp::severity::debug);
  CHECK(taken[2].level == otlp::severity::error);
  CHECK(taken[3].level == otlp::severity::critical);
}

TEST_CASE("the box wakes with the first record and with each full batch") {
  std::vector<bool> wakes;
  log_outbox box{[&](bool full_batch) { wakes.push_back(full_batch); }};
  for (size_t i = 0; i < log_outbox::batch + 10; ++i)
    box.log(record("text"));
  CHECK(wakes == std::vector<bool>{false, true});
}

TEST_CASE_FIXTURE(fixture, "few spans wait for company, a full batch goes at once") {
  begin(false);
  trace(3);
  pass(4'999ms);
  CHECK(pushed() == 0);
  pass(1ms);
  CHECK(pushed() == 1);
  CHECK(value(metric::otlp_exported_points, "traces") == 3);
  trace(9);
  CHECK(pushed() == 3);
  CHECK(value(metric::otlp_exported_points, "traces") == 11);
  pass(5s);
  CHECK(pushed() == 4);
  CHECK(spans->waiting() == 0);
}

TEST_CASE_FIXTURE(fixture, "while a receiver is busy the newest spans wait, and all go later") {
  begin(false);
  peer->answers.assign(1, later);
  trace(4);
  CHECK(pushed() == 1);
  trace(40);
  CHECK(pushed() == 1);
  CHECK(spans->waiting() == 16);
  CHECK(spans->dropped() == 24);
  pass(1'300ms);
  CHECK(pushed() == 6);
  CHECK(value(metric::otlp_exported_points, "traces") == 20);
  CHECK(value(metric::otlp_dropped_points, "traces") == 24);
}

TEST_CASE_FIXTURE(fixture, "a receiver without traces gets the others, and traces again later") {
  begin();
  peer->answers = {{otlp::verdict::unsupported, "404", {}, 0}};
  trace(4);
  CHECK(pushed() == 1);
  CHECK(value(metric::otlp_dropped_points, "traces") == 4);
  trace(20);
  for (int i = 0; i < 59; ++i)
    pass(10s);
  CHECK(pushed() == 1);
  CHECK(peer->count(otlp::signal::metrics) == 59);
  pass(11s);
  CHECK(pushed() == 5);
  CHECK(value(metric::otlp_exported_points, "traces") == 16);
}

TEST_CASE_FIXTURE(fixture, "the end sends all spans, more than usually wait") {
  begin(false);
  trace(3);
  spans->lift_bound();
  for (size_t i = 0; i < 30; ++i)
    spans->push({});
  hurry->store(true);
  ask<caf::ok_atom>(exporter, atom::stop_v);
  CHECK(value(metric::otlp_exported_points, "traces") == 33);
  CHECK(spans->dropped() == 0);
}

TEST_CASE_FIXTURE(fixture, "the end counts the spans that nobody takes") {
  begin(false);
  trace(3);
  peer->answers.assign(100, later);
  hurry->store(true);
  ask<caf::ok_atom>(exporter, atom::stop_v);
  CHECK(pushed() == 1);
  CHECK(value(metric::otlp_dropped_points, "traces") == 3);
}
