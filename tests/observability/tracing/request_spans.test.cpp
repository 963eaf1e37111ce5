#include "tests/observability/tracing/span_fixture.hpp"

using namespace actord;
using namespace actord::test;
using enum event_type;

namespace {

lookup_result_details hits(uint64_t requested, uint64_t hit) {
  lookup_result_details result;
  result.model_name = "m";
  result.requested_tokens = requested;
  result.hit_tokens = hit;
  result.l1_hit_tokens = hit;
  result.found_chunks = hit / 256;
  result.l1_hit_keys = hit / 256;
  return result;
}

std::string text(const span_record& of, std::string_view key) {
  return value<std::string>(of, key);
}

void lookup(span_fixture& f, double begin_s, double end_s, uint64_t hit = 768) {
  f.at(begin_s, mp_request_start);
  f.at(begin_s, mp_lookup_prefetch_start);
  f.at(end_s, mp_lookup_prefetch_end, hits(1024, hit));
}

phase_sample sample(phase_sample::kind kind, double start_s, double end_s, int64_t bytes) {
  return {kind, phase_sample::way::h2d, 0, (end_s - start_s) * 1e3, bytes, "r#1", start_s, end_s};
}

} // namespace

TEST_CASE_FIXTURE(span_fixture, "a whole request is one root with its children in it") {
  // The worked example of spec observability §5.4, one second later.
  lookup(*this, 1.0, 1.25);
  at(1.3, mp_retrieve_submitted, copy("r#1", 0, 0, "cuda:0"));
  at(1.375, mp_retrieve_start, copy("r#1", 0, 0, "cuda:0"));
  at(1.5, mp_retrieve_end, copy("r#1", 3, 3000, "cuda:0"));
  phase_samples_details timed{{sample(phase_sample::kind::staging, 1.375, 1.4375, 2000),
                               sample(phase_sample::kind::kernel, 1.40, 1.43125, 3000)},
                              "r#1"};
  at(1.5, mp_transfer_phase_samples, timed, "");
  at(1.5, mp_store_submitted, copy("r#2"));
  at(1.55, timeout_raised, timeout_details{"late", "LMCacheTimeoutError", "at 1"});
  at(1.625, mp_request_end);
  CHECK_FALSE(told("request"));
  at(1.75, mp_store_start, copy("r#2"));
  at(2.0, mp_store_end, copy("r#2", 1, 1000));
  REQUIRE(out.size() == 7);

  const auto& root = only("request");
  CHECK(root.parent == 0);
  CHECK(root.start_ns == 1'000'000'000);
  CHECK(root.end_ns == 1'625'000'000);
  CHECK(value<double>(root, "deferred_close_ms") == doctest::Approx(375));
  CHECK(value<int64_t>(root, "requested_tokens") == 1024);
  CHECK(value<int64_t>(root, "hit_tokens") == 768);
  CHECK(value<double>(root, "hit_rate") == 0.75);
  CHECK(value<double>(root, "l1_hit_rate") == 0.75);
  CHECK(value<double>(root, "l2_hit_rate") == 0.0);
  CHECK(value<int64_t>(root, "l1_hit_keys") == 3);
  CHECK(text(root, "session_id") == "r");
  CHECK(has(root, "early_exit_reason"));
  for (const auto* name : {"mp.lookup_prefetch", "mp.retrieve", "mp.store", "timeout"}) {
    CAPTURE(name);
    CHECK(only(name).parent == root.span);
    CHECK(only(name).trace == root.trace);
    CHECK(text(only(name), "session_id") == "r");
  }
  const auto& retrieve = only("mp.retrieve");
  CHECK(retrieve.start_ns == 1'375'000'000);
  CHECK(text(retrieve, "retrieved_count") == "3");
  CHECK(text(retrieve, "total_bytes") == "3000");
  CHECK(text(retrieve, "engine_id") == "7");
  CHECK(text(retrieve, "success") == "1");
  CHECK(value<int64_t>(retrieve, "lmcache.total_bytes") == 3000);
  CHECK(text(only("mp.lookup_prefetch"), "found_count") == "3");
  CHECK(text(only("mp.store"), "stored_count") == "1");
  CHECK(only("mp.store").end_ns == 2'000'000'000); // after its root
  // A stacked breakdown: one bar after the other.
  const auto& staging = only("transfer.staging");
  CHECK(staging.parent == retrieve.span);
  CHECK(staging.start_ns == 1'375'000'000);
  CHECK(staging.end_ns == 1'437'500'000);
  CHECK(only("transfer.kernel_interval").start_ns == staging.end_ns);
  CHECK(only("transfer.kernel_interval").end_ns == doctest::Approx(1'468'750'000));
  CHECK(value<double>(staging, "throughput_GB_per_second") == doctest::Approx(3.2e-5));
  CHECK_FALSE(has(only("transfer.kernel_interval"), "throughput_GB_per_second"));
  CHECK(only("timeout").failure->message == "late");
  CHECK(only("timeout").failure->stacktrace == "at 1");
  CHECK(spans->open_spans() == 0);
}

TEST_CASE_FIXTURE(span_fixture, "a lookup alone ends with its request") {
  lookup(*this, 1, 1.5);
  CHECK(out.size() == 1);
  at(2, mp_request_end);
  CHECK(only("request").end_ns == 2'000'000'000);
  CHECK_FALSE(has(only("request"), "deferred_close_ms"));
}

TEST_CASE_FIXTURE(span_fixture, "a store without a lookup opens the root, which tells no hits") {
  at(1, mp_store_submitted, copy("r#1"));
  at(1, mp_store_start, copy("r#1"));
  at(2, mp_store_end, copy("r#1", 1, 10));
  at(3, mp_request_end);
  CHECK(only("request").start_ns == 1'000'000'000);
  CHECK_FALSE(has(only("request"), "hit_rate"));
  CHECK(only("mp.store").parent == only("request").span);
}

TEST_CASE_FIXTURE(span_fixture, "overlapping copies of a session each keep their span") {
  for (const auto* key : {"r#1", "r#2"}) {
    at(1, mp_store_submitted, copy(key));
    at(1, mp_store_start, copy(key));
  }
  at(2, mp_store_end, copy("r#2", 2, 20));
  at(2.5, mp_request_end);
  CHECK(out.size() == 1);
  at(3, mp_store_end, copy("r#1", 1, 10));
  REQUIRE(out.size() == 3);
  CHECK(text(out[0], "transfer_key") == "r#2");
  CHECK(text(out[0], "stored_count") == "2");
  CHECK(text(out[1], "transfer_key") == "r#1");
  CHECK(text(out[1], "stored_count") == "1");
  CHECK(only("request").end_ns == 2'500'000'000);
}

TEST_CASE_FIXTURE(span_fixture, "copies without a key are told apart by their device") {
  at(1, mp_store_start, copy("", 0, 0, "cuda:0"));
  at(1, mp_store_start, copy("", 0, 0, "cuda:1"));
  at(2, mp_store_end, copy("", 1, 10, "cuda:1"));
  REQUIRE(out.size() == 1);
  CHECK(text(out[0], "device") == "cuda:1");
}

TEST_CASE_FIXTURE(span_fixture, "a copy that fails ends with its error, begun or not") {
  auto failed = copy("r#1");
  failed.success = false;
  failed.failure = "no room";
  at(1, mp_store_submitted, copy("r#1"));
  at(1, mp_store_start, copy("r#1"));
  at(2, mp_store_end, failed);
  at(2, mp_retrieve_submitted, copy("r#2"));
  auto missed = copy("r#2");
  missed.success = false;
  at(3, mp_retrieve_end, missed);
  at(4, mp_request_end);
  REQUIRE(out.size() == 3);
  CHECK(only("mp.store").failure->message == "no room");
  CHECK(only("mp.store").failure->time_ns == 2'000'000'000);
  CHECK(text(only("mp.store"), "success") == "0");
  CHECK(only("mp.retrieve").failure);
  CHECK(only("mp.retrieve").start_ns == only("mp.retrieve").end_ns);
  CHECK_FALSE(only("request").failure);
}

TEST_CASE_FIXTURE(span_fixture, "what was submitted and had nothing to move keeps no root open") {
  at(1, mp_store_submitted, copy("r#1"));
  at(2, mp_request_end);
  CHECK(out.empty());
  at(3, mp_store_end, copy("r#1"));
  CHECK(names() == std::vector<std::string_view>{"request"});
}

TEST_CASE_FIXTURE(span_fixture, "ENDs without a beginning disturb nothing") {
  at(1, mp_store_end, copy("r#9"));
  at(1, mp_lookup_prefetch_end, hits(10, 0));
  at(1, mp_request_end);
  CHECK(out.empty());
  lookup(*this, 2, 2.5);
  at(2.6, mp_store_end, copy("r#9")); // the count of copies stays at nothing
  at(2.7, mp_retrieve_submitted, copy("r#1"));
  at(2.8, mp_request_end);
  CHECK(out.size() == 1);
  at(2.9, mp_retrieve_end, copy("r#1"));
  CHECK(only("request").end_ns == 2'800'000'000);
}

TEST_CASE_FIXTURE(span_fixture, "a second start of an open request has the same root") {
  lookup(*this, 1, 1.5);
  lookup(*this, 2, 2.5, 1024);
  at(3, mp_request_end);
  CHECK(count("request") == 1);
  CHECK(count("mp.lookup_prefetch") == 2);
  CHECK(value<int64_t>(only("request"), "hit_tokens") == 1024);
}

TEST_CASE_FIXTURE(span_fixture, "a lookup whose result nobody took ends with its root") {
  at(1, mp_request_start);
  at(1, mp_lookup_prefetch_start);
  at(2, mp_request_end);
  CHECK(names() == std::vector<std::string_view>{"mp.lookup_prefetch", "request"});
  CHECK(value<bool>(out[0], "lmcache.abandoned"));
  CHECK_FALSE(has(out[1], "lmcache.abandoned"));
}

TEST_CASE_FIXTURE(span_fixture, "a copy that comes after its request joins the trace that was") {
  lookup(*this, 1, 1.5);
  at(2, mp_request_end);
  at(3, mp_store_submitted, copy("r#1"));
  at(3, mp_store_start, copy("r#1"));
  at(4, mp_store_end, copy("r#1", 1, 10));
  CHECK(only("mp.store").parent == only("request").span);
  CHECK(spans->open_spans() == 0);
  lookup(*this, 5, 5.5); // the name again: another trace
  at(6, mp_request_end);
  CHECK(out.back().trace != only("mp.store").trace);
}

TEST_CASE_FIXTURE(span_fixture, "a request whose client names a trace is a part of it") {
  const auto parent
    = parse_trace_parent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1");
  REQUIRE(parent);
  at(1, mp_request_start, request_details{parent});
  at(2, mp_request_end);
  const auto& root = only("request");
  CHECK(hex(root.trace) == "0af7651916cd43dd8448eb211c80319c");
  CHECK(root.parent == 0xb7ad6b7169203331);
  CHECK(root.remote_parent);
  CHECK(root.trace_state == "vendor=1");
  CHECK(root.span == directory->find("r")->span); // what log lines say
}

TEST_CASE_FIXTURE(span_fixture, "lines of the log that come first name the trace that comes") {
  const auto told = directory->context_of("r");
  lookup(*this, 1, 1.5);
  at(2, mp_request_end);
  CHECK(only("request").context() == told);
  CHECK(directory->context_of("r") == told);
}

TEST_CASE_FIXTURE(span_fixture,
                  "stores behind L1 are told of below the lookup that waits for them") {
  at(1, mp_request_start);
  at(1, mp_lookup_prefetch_start);
  l2_details told;
  told.external_request_id = "r";
  told.answers = {{0, "fs", 1.1, 1.2, 3, true}, {1, "s3", 1.1, 1.4, 0, false}};
  at(1.4, l2_prefetch_lookup_completed, told, "");
  told.answers.clear();
  told.adapter_index = 0;
  told.task_id = 5;
  told.l2_name = "fs";
  told.key_count = 3;
  told.bytes = 300;
  at(1.5, l2_load_task_submitted, told, "");
  told.succeeded = 2;
  told.failed = 1;
  at(1.6, l2_load_task_completed, told, "");
  at(1.7, mp_lookup_prefetch_end, hits(1024, 768));
  at(2, mp_request_end);
  const auto lookup_span = only("mp.lookup_prefetch").span;
  REQUIRE(count("l2.lookup") == 2);
  CHECK(out[0].parent == lookup_span);
  CHECK(text(out[0], "l2_name") == "fs");
  CHECK(value<int64_t>(out[0], "found_count") == 3);
  CHECK_FALSE(out[0].failure);
  CHECK(out[1].failure);
  CHECK(only("l2.load").parent == lookup_span);
  CHECK(value<int64_t>(only("l2.load"), "total_bytes") == 300);
  CHECK(only("l2.load").failure);
  told.failed = 0;
  told.external_request_id.clear();
  at(3, l2_store_submitted, told, "");
  at(4, l2_store_completed, told, "");
  CHECK(only("l2.store").parent == 0);
  CHECK(only("l2.store").trace != only("request").trace);
}

TEST_CASE("a copy that is lost by the bus is forgotten in time") {
  span_fixture f;
  lookup(f, 1, 1.5);
  f.at(2, mp_retrieve_submitted, span_fixture::copy("r#1"));
  f.at(3, mp_request_end);
  f.at(500, l1_eviction_loop_tick, eviction_tick_details{}, "");
  CHECK(f.out.size() == 1);
  f.at(700, l1_eviction_loop_tick, eviction_tick_details{}, "");
  CHECK(value<bool>(f.only("request"), "lmcache.abandoned"));
  CHECK(f.only("request").end_ns == 3'000'000'000); // it had said when it ended
  CHECK(f.spans->open_spans() == 0);
}

TEST_CASE("one maker that throws keeps the event from no other") {
  struct broken final : event_subscriber {
    std::string_view name() const override {
      return "Broken";
    }
    event_mask interests() const override {
      return {mp_request_start};
    }
    void handle(const event&) override {
      throw std::runtime_error("oops");
    }
  };
  span_fixture f;
  auto makers = daemon_span_makers(f.spans);
  makers.insert(makers.begin(), std::make_unique<broken>());
  f.restart(std::move(makers));
  CHECK_THROWS_WITH(f.at(1, mp_request_start), "Broken: oops");
  f.at(2, mp_request_end);
  CHECK(f.only("request").start_ns == 1'000'000'000);
}
