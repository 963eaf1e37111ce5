#include "tests/observability/tracing/span_fixture.hpp"

#include <random>

using namespace actord;
using namespace actord::test;
using enum event_type;

namespace {

/// What another part of the daemon may bring along: a span of its own below a retrieve.
class disk_load_spans final : public span_maker {
public:
  explicit disk_load_spans(std::shared_ptr<span_registry> spans)
    : span_maker("DiskLoads", {l2_load_task_submitted, l2_load_task_completed}, std::move(spans)) {
  }

  void handle(const event& what) override {
    const span_key key{what.session_id, "l2.disk_load", 1};
    if (what.type == l2_load_task_completed)
      return spans_->close(key, what.time_s);
    const auto parent = spans_->parent_of(what.session_id, {"mp.retrieve", "request"});
    spans_->open(key, "test.disk", what.time_s, parent).record.set("blocks", int64_t{4});
  }
};

span_sampling ratio(double rate, int64_t slow_ns = 0) {
  return {rate, true, slow_ns};
}

void request(span_fixture& f, const std::string& session, double end_s = 2, bool good = true) {
  f.at(1, mp_request_start, {}, session);
  f.at(1, mp_store_start, span_fixture::copy(session + "#1"), session);
  auto end = span_fixture::copy(session + "#1");
  end.success = good;
  f.at(end_s, mp_store_end, end, session);
  f.at(end_s, mp_request_end, {}, session);
}

} // namespace

TEST_CASE_FIXTURE(span_fixture, "a maker from elsewhere hangs its spans below those of others") {
  auto makers = daemon_span_makers(spans);
  makers.pop_back(); // its events are another's here
  makers.push_back(std::make_unique<disk_load_spans>(spans));
  restart(std::move(makers));
  at(1, mp_request_start);
  at(2, mp_retrieve_start, copy("r#1"));
  at(3, l2_load_task_submitted, l2_details{});
  at(4, l2_load_task_completed, l2_details{});
  at(5, mp_retrieve_end, copy("r#1"));
  at(6, l2_load_task_submitted, l2_details{}); // the retrieve is over
  at(7, mp_request_end);
  REQUIRE(out.size() == 4);
  CHECK(out[0].name == "l2.disk_load");
  CHECK(out[0].parent == only("mp.retrieve").span);
  CHECK(only("mp.retrieve").parent == only("request").span);
  CHECK(out[0].trace == only("request").trace);
  CHECK(out[0].scope == "test.disk");
  CHECK(value<int64_t>(out[0], "blocks") == 4);
  CHECK(out[2].name == "l2.disk_load"); // before its root
  CHECK(out[2].parent == only("request").span);
  CHECK(value<bool>(out[2], "lmcache.abandoned"));
}

TEST_CASE_FIXTURE(span_fixture, "the end closes everything, children before parents") {
  for (const std::string session : {"a", "b"}) {
    at(1, mp_request_start, {}, session);
    at(2, mp_retrieve_start, copy(session + "#1"), session);
  }
  now_s = 9;
  uut->shut_down();
  CHECK(names()
        == std::vector<std::string_view>{"mp.retrieve", "request", "mp.retrieve", "request"});
  for (const auto& each : out) {
    CHECK(value<bool>(each, "lmcache.abandoned"));
    CHECK(each.end_ns == 9'000'000'000);
  }
  CHECK(spans->open_spans() == 0);
}

TEST_CASE("open spans are bounded: the oldest session makes room") {
  span_fixture f{{1, true, 0}, {4, 6, 100}};
  for (int i = 0; i < 5; ++i)
    f.at(i + 1, mp_request_start, {}, std::to_string(i));
  CHECK(f.spans->open_spans() == 4);
  CHECK(value<std::string>(f.only("request"), "session_id") == "0");
  for (int i = 0; i < 20; ++i) {
    f.at(10, mp_store_start, span_fixture::copy("4#" + std::to_string(i)), "4");
    CHECK(f.spans->open_spans() <= 6);
  }
}

TEST_CASE("a long session name is one session, and cut") {
  span_fixture f;
  const std::string name(5'000, 'x');
  request(f, name);
  CHECK(value<std::string>(f.only("request"), "session_id").size() == span_text_limit);
  CHECK(f.only("mp.store").parent == f.only("request").span);
  CHECK(f.spans->open_spans() == 0);
}

TEST_CASE("of traces that begin here the ratio goes out, whole") {
  span_fixture f{ratio(0.25)};
  for (int i = 0; i < 4'000; ++i)
    request(f, std::to_string(i));
  const auto roots = f.count("request");
  CHECK(roots > 850);
  CHECK(roots < 1'150);
  CHECK(f.out.size() == 2 * static_cast<size_t>(roots));
  CHECK(f.spans->held_spans() == 0);
}

TEST_CASE("failed, slow, late and useless requests go out at any ratio, from their first span") {
  SUBCASE("failed") {
    span_fixture f{ratio(0)};
    request(f, "good");
    CHECK(f.out.empty());
    request(f, "bad", 2, false);
    CHECK(f.names() == std::vector<std::string_view>{"mp.store", "request"});
  }
  SUBCASE("slow") {
    span_fixture f{ratio(0, 5'000'000'000)};
    request(f, "quick", 5.9);
    CHECK(f.out.empty());
    request(f, "slow", 6);
    CHECK(f.out.size() == 2);
  }
  SUBCASE("a long computation of the engine is not slow") {
    span_fixture f{ratio(0, 5'000'000'000)};
    f.at(1, mp_request_start);
    f.at(100, mp_request_end);
    CHECK(f.out.empty());
  }
  SUBCASE("timed out") {
    span_fixture f{ratio(0)};
    f.at(1, mp_request_start);
    f.at(2, timeout_raised, timeout_details{"late", "T", ""});
    f.at(3, mp_request_end);
    CHECK(f.names() == std::vector<std::string_view>{"timeout", "request"});
  }
  SUBCASE("without a hit") {
    span_fixture f{ratio(0)};
    f.at(1, mp_request_start);
    f.at(1, mp_lookup_prefetch_start);
    lookup_result_details nothing;
    nothing.requested_tokens = 512;
    f.at(2, mp_lookup_prefetch_end, nothing);
    f.at(3, mp_request_end);
    CHECK(f.names() == std::vector<std::string_view>{"mp.lookup_prefetch", "request"});
  }
  SUBCASE("what comes after the end goes with its trace") {
    span_fixture f{ratio(0)};
    request(f, "bad", 2, false);
    f.at(3, mp_store_start, span_fixture::copy("bad#2"), "bad");
    f.at(4, mp_store_end, span_fixture::copy("bad#2"), "bad");
    CHECK(f.out.size() == 3);
    request(f, "good");
    f.at(3, mp_store_start, span_fixture::copy("good#2"), "good");
    f.at(4, mp_store_end, span_fixture::copy("good#2"), "good");
    CHECK(f.out.size() == 3);
  }
}

TEST_CASE("a client that names a trace decides whether it goes out") {
  const auto with_flags = [](const char* flags) {
    return request_details{parse_trace_parent(
      std::string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"} + flags, "")};
  };
  span_fixture all{ratio(1)}, none{ratio(0)};
  for (auto* f : {&all, &none}) {
    f->at(1, mp_request_start, with_flags("00"), "quiet");
    f->at(2, mp_request_end, {}, "quiet");
    CHECK(f->out.empty());
    f->at(1, mp_request_start, with_flags("01"), "loud");
    f->at(2, mp_request_end, {}, "loud");
    CHECK(f->out.size() == 1);
  }
}

TEST_CASE("held spans are bounded") {
  span_fixture f{ratio(0), {100, 100, 10}};
  f.at(1, mp_request_start);
  for (int i = 0; i < 50; ++i) {
    f.at(1, mp_store_start, span_fixture::copy("r#" + std::to_string(i)));
    f.at(1, mp_store_end, span_fixture::copy("r#" + std::to_string(i)));
  }
  CHECK(f.spans->held_spans() == 10);
  f.at(2, mp_request_end);
  CHECK(f.spans->held_spans() == 0);
}

TEST_CASE("whatever comes in whatever order, spans end once, within bounds, and are all closed") {
  std::mt19937 random{7};
  auto pick = [&](size_t n) { return random() % n; };
  const std::vector<event_type> types
    = {mp_request_start,      mp_lookup_prefetch_start, mp_lookup_prefetch_end,
       mp_store_submitted,    mp_store_start,           mp_store_end,
       mp_retrieve_submitted, mp_retrieve_start,        mp_retrieve_end,
       mp_request_end,        l2_store_submitted,       l2_store_completed,
       cb_request_start,      cb_request_end,           cb_retrieve_submitted,
       cb_retrieve_start,     cb_retrieve_end,          cb_lookup_start,
       cb_lookup_end,         timeout_raised,           l2_load_task_submitted,
       l2_load_task_completed};
  for (double rate : {0.0, 0.5, 1.0}) {
    span_fixture f{{rate, true, 3'000'000'000}, {8, 24, 16}};
    for (int i = 0; i < 20'000; ++i) {
      const auto type = types[pick(types.size())];
      const auto session = std::string(1, static_cast<char>('a' + pick(12)));
      event_details details;
      if (type >= mp_store_submitted && type <= mp_retrieve_end) {
        auto of = span_fixture::copy(session + "#" + std::to_string(pick(3)));
        of.success = pick(10) > 0;
        details = of;
      } else if (type == mp_lookup_prefetch_end) {
        details = lookup_result_details{};
      } else if (type == timeout_raised) {
        details = timeout_details{};
      } else if (type >= l2_store_submitted && type <= l2_load_task_completed) {
        l2_details of;
        of.task_id = static_cast<int64_t>(pick(4));
        of.external_request_id = pick(2) ? session : "";
        details = of;
      } else if (type >= cb_request_start) {
        details = blend_details{};
      }
      f.at(i / 10.0, type, details, session);
      if (i % 100 == 0)
        f.at(i / 10.0, l1_eviction_loop_tick, eviction_tick_details{}, "");
      REQUIRE(f.spans->open_spans() <= 24);
      REQUIRE(f.spans->held_spans() <= 16);
    }
    f.uut->shut_down();
    CHECK(f.spans->open_spans() == 0);
    CHECK(f.spans->held_spans() == 0);
    std::vector<span_id> ids;
    for (const auto& each : f.out) {
      CHECK(each.end_ns >= each.start_ns);
      ids.push_back(each.span);
    }
    std::ranges::sort(ids);
    CHECK(std::ranges::adjacent_find(ids) == ids.end());
    CHECK(ids.size() > 100);
  }
}
