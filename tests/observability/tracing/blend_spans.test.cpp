#include "tests/observability/tracing/span_fixture.hpp"

using namespace actord;
using namespace actord::test;
using enum event_type;

namespace {

blend_details of_worker(int64_t worker, bool success = true) {
  blend_details result;
  result.worker_id = worker;
  result.success = success;
  return result;
}

std::string text(const span_record& of, std::string_view key) {
  return value<std::string>(of, key);
}

} // namespace

TEST_CASE_FIXTURE(span_fixture, "a blended request has its steps below one another") {
  at(1.0, cb_request_start);
  blend_details asked;
  asked.num_tokens = 1000;
  at(1.0, cb_lookup_start, asked);
  at(1.1, cb_prefix_lookup_start);
  at(1.2, cb_prefix_lookup_end, blend_details{});
  at(1.2, cb_fingerprint_match_start);
  at(1.3, cb_fingerprint_match_end, blend_details{});
  at(1.3, cb_coordinator_match_start);
  blend_details late;
  late.timed_out = true;
  at(1.4, cb_coordinator_match_end, late);
  at(1.4, cb_sparse_prefetch_start, blend_details{});
  at(1.5, cb_sparse_prefetch_end, blend_details{});
  blend_details found;
  found.requested_tokens = 1000;
  found.hit_tokens = 500;
  found.prefix_hit_tokens = 250;
  at(1.5, cb_lookup_end, found);
  at(1.6, cb_retrieve_submitted);
  at(1.6, cb_retrieve_submitted);
  for (int64_t worker : {0, 1}) {
    at(1.7, cb_retrieve_start, of_worker(worker));
    at(1.7, cb_scatter_start, of_worker(worker));
  }
  at(1.8, cb_request_end);
  for (int64_t worker : {0, 1}) {
    at(1.9, cb_scatter_end, of_worker(worker, worker == 0));
    CHECK_FALSE(told("cb.request"));
    at(2.0, cb_retrieve_end, of_worker(worker));
  }
  const auto& root = only("cb.request");
  CHECK(root.end_ns == 2'000'000'000);
  CHECK(root.scope == "lmcache_mp.blend");
  CHECK(value<int64_t>(root, "hit_tokens") == 500);
  CHECK(value<double>(root, "prefix_hit_rate") == 0.25);
  CHECK(only("cb.lookup").parent == root.span);
  CHECK(text(only("cb.lookup"), "num_tokens") == "0"); // the END's word for it
  CHECK(text(only("cb.lookup"), "no_gpu_context") == "False");
  for (const auto* name :
       {"cb.prefix_lookup", "cb.fingerprint_match", "cb.coordinator_match", "cb.sparse_prefetch"})
    CHECK(only(name).parent == only("cb.lookup").span);
  CHECK(text(only("cb.coordinator_match"), "timed_out") == "True");
  CHECK_FALSE(has(only("cb.sparse_prefetch"), "found_keys"));
  std::vector<const span_record*> retrieves, scatters;
  for (const auto& each : out) {
    if (each.name == "cb.retrieve")
      retrieves.push_back(&each);
    if (each.name == "cb.scatter")
      scatters.push_back(&each);
  }
  REQUIRE(retrieves.size() == 2);
  REQUIRE(scatters.size() == 2);
  for (size_t i : {0, 1}) {
    CHECK(retrieves[i]->parent == root.span);
    CHECK(text(*retrieves[i], "worker_id") == std::to_string(i));
    CHECK(scatters[i]->parent == retrieves[i]->span); // its own worker's
    CHECK(scatters[i]->failure.has_value() == (i == 1));
  }
}

TEST_CASE_FIXTURE(span_fixture, "steps without a request are roots, and workers may have no name") {
  at(1, cb_chunks_evicted, blend_details{}, "");
  at(1, cb_fingerprint_match_start);
  at(2, cb_fingerprint_match_end, blend_details{});
  at(3, cb_retrieve_start, blend_details{});
  at(4, cb_retrieve_end, blend_details{});
  REQUIRE(out.size() == 3);
  for (const auto& each : out)
    CHECK(each.parent == 0);
  CHECK(text(only("cb.retrieve"), "worker_id") == "None");
  CHECK(text(only("cb.chunks.evicted"), "num_chunks") == "0");
  CHECK(spans->open_spans() == 0);
}

TEST_CASE_FIXTURE(span_fixture, "timeouts of blended requests are roots; moments lie in them") {
  at(1, cb_request_start);
  at(1, cb_request_start); // the first counts
  at(1.5, timeout_raised, timeout_details{"m", "t", ""});
  blend_details nothing;
  nothing.reason = "no_object_keys";
  at(2, cb_retrieve_noop, nothing);
  at(3, cb_request_end);
  CHECK(only("timeout").parent == 0);
  CHECK(only("cb.retrieve.noop").parent == only("cb.request").span);
  CHECK(text(only("cb.retrieve.noop"), "reason") == "no_object_keys");
  CHECK(only("cb.request").start_ns == 1'000'000'000);
}
