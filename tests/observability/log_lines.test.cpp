#include "observability/log_lines.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace actord;

namespace {

event_keys keys(size_t count) {
  return std::make_shared<const std::vector<event_key>>(
    count, event_key{std::make_shared<const key_space>(), {}, 0, 0, 0});
}

event of(event_type type, event_details details = {}) {
  return {type, 100, "req-1", std::move(details)};
}

event moved(event_type type, std::string device, uint64_t chunks = 0,
            std::optional<uint64_t> tokens = {}, double seconds = 0) {
  auto name = std::make_shared<transfer_name>();
  name->device = std::move(device);
  return of(type, transfer_details{std::move(name), chunks, chunks * 10, tokens, seconds});
}

event l2_step(event_type type) {
  l2_details details;
  details.request_id = 9;
  details.adapter_index = 2;
  details.key_count = 5;
  details.adapter_count = 3;
  details.succeeded = 4;
  details.failed = 1;
  return of(type, std::move(details));
}

event blended(event_type type, blend_details details) {
  return of(type, std::move(details));
}

// The texts, one a line, each behind the first letter of its level.
std::string shown(const std::vector<log_line>& lines) {
  std::string result;
  for (const auto& line : lines) {
    const char* level = line.level == line_level::debug  ? "D "
                        : line.level == line_level::info ? "I "
                                                         : "W ";
    result += (result.empty() ? "" : "\n") + (level + line.text);
  }
  return result;
}

std::string step(const event& what) {
  return shown(step_lines(what));
}

std::string direct(const event& what) {
  return shown(request_lines(what));
}

} // namespace

TEST_CASE("the steps of stores, retrieves and lookups are told word for word") {
  using enum event_type;
  CHECK(step(moved(mp_store_start, "cuda:0")) == "D MP store start: session=req-1 device=cuda:0");
  CHECK(step(moved(mp_store_end, "cuda:0", 4))
        == "D MP store end: session=req-1 device=cuda:0 stored_count=4");
  CHECK(step(moved(mp_retrieve_start, "cpu")) == "D MP retrieve start: session=req-1 device=cpu");
  CHECK(step(moved(mp_retrieve_end, "", 0))
        == "D MP retrieve end: session=req-1 device=None retrieved_count=0");
  CHECK(step(of(mp_lookup_prefetch_start)) == "D MP lookup/prefetch start: session=req-1");
  lookup_result_details found;
  found.found_chunks = 7;
  CHECK(step(of(mp_lookup_prefetch_end, found))
        == "D MP lookup/prefetch end: session=req-1 found_count=7");
}

TEST_CASE("each record of a block allocation has a line with its first ten blocks") {
  auto records = std::make_shared<std::vector<block_record>>();
  records->push_back({"a", {1, 2}, {5, 6, 7}});
  records->push_back({"b", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {}});
  records->push_back({"c", {}, {}});
  CHECK(step(of(event_type::mp_vllm_block_allocation, block_allocation_details{7, "m", records}))
        == "D vLLM block allocation: req_id=a new_blocks=2 new_tokens=3 block_ids=[1, 2]\n"
           "D vLLM block allocation: req_id=b new_blocks=12 new_tokens=0 "
           "block_ids=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
           "D vLLM block allocation: req_id=c new_blocks=0 new_tokens=0 block_ids=[]");
}

TEST_CASE("the steps of L1 and the storage manager count keys") {
  using enum event_type;
  const std::pair<event_type, const char*> steps[]
    = {{l1_read_reserved, "D L1 read reserved: 3 keys"},
       {l1_read_finished, "D L1 read finished: 3 keys"},
       {l1_write_reserved, "D L1 write reserved: 3 keys"},
       {l1_write_finished, "D L1 write finished: 3 keys"},
       {l1_write_finished_and_read_reserved, "D L1 write finished and read reserved: 3 keys"},
       {l1_keys_evicted, "D L1 eviction: 3 keys"}};
  for (const auto& [type, text] : steps)
    CHECK(step(of(type, l1_keys_details{"_default", keys(3)})) == text);
  const std::pair<event_type, const char*> both[]
    = {{sm_read_prefetched_finished, "D SM read prefetched finished: 2 succeeded, 1 failed"},
       {sm_write_reserved, "D SM write reserved: 2 succeeded, 1 failed"},
       {sm_write_finished, "D SM write finished: 2 succeeded, 1 failed"}};
  for (const auto& [type, text] : both)
    CHECK(step(of(type, sm_keys_details{keys(2), keys(1)})) == text);
}

TEST_CASE("the steps of L2 name request and adapter") {
  using enum event_type;
  const std::pair<event_type, const char*> steps[] = {
    {l2_store_submitted, "D L2 store submitted: 5 keys to adapter 2"},
    {l2_store_completed, "D L2 store completed: adapter 2, 4 succeeded, 1 failed"},
    {l2_prefetch_lookup_submitted,
     "D L2 prefetch lookup submitted: request 9, 5 keys to 3 adapters"},
    {l2_prefetch_load_submitted, "D L2 prefetch load submitted: request 9, 5 keys to 3 adapters"},
    {l2_prefetch_load_completed, "D L2 prefetch load completed: request 9, 4 loaded, 1 failed"},
    {l2_keys_evicted, "D L2 eviction: 5 keys"},
    {l2_load_task_submitted, ""}};
  for (const auto& [type, text] : steps)
    CHECK(step(l2_step(type)) == text);
}

TEST_CASE("the steps of blended requests print what is absent as None") {
  using enum event_type;
  blend_details details;
  details.num_tokens = 512;
  details.fingerprint_hits = 3;
  details.storage_hits = 2;
  details.stale_chunks = 1;
  details.num_chunks = 6;
  CHECK(step(blended(cb_lookup_start, details))
        == "D CB lookup start: session=req-1 num_tokens=512");
  CHECK(step(blended(cb_lookup_end, details))
        == "D CB lookup end: session=req-1 num_tokens=512 fingerprint_hits=3 storage_hits=2 "
           "stale_chunks=1 no_gpu_context=False");
  CHECK(step(blended(cb_retrieve_start, details))
        == "D CB retrieve start: session=req-1 instance_id=None num_chunks=6");
  details.worker_id = 1000;
  details.success = false;
  CHECK(step(blended(cb_retrieve_end, details))
        == "D CB retrieve end: session=req-1 instance_id=1000 num_chunks=None success=False");
  CHECK(step(blended(cb_fingerprints_registered, details))
        == "D CB fingerprint table: +6 chunks (512 tokens)");
  CHECK(step(blended(cb_chunks_evicted, details))
        == "D CB fingerprint table: evicted 6 stale chunks");
  CHECK(step(blended(cb_scatter_start, details)).empty());
}

TEST_CASE("a timeout is a warning with its stack on the next line") {
  CHECK(step(of(event_type::timeout_raised,
                timeout_details{"no answer in 60 s", "LMCacheTimeoutError", "in lookup"}))
        == "W Timeout raised (LMCacheTimeoutError): no answer in 60 s\nin lookup");
}

TEST_CASE("operators read what was stored, retrieved and found, when it was more than nothing") {
  using enum event_type;
  CHECK(direct(moved(mp_store_end, "cpu", 4, 1024, 0.0125))
        == "I Stored 1024 tokens in 0.013 seconds");
  CHECK(direct(moved(mp_store_end, "cpu", 0, 0, 0.5)).empty());
  CHECK(direct(moved(mp_retrieve_end, "cpu", 2, 512, 1.5))
        == "I Retrieved 512 tokens in 1.500 seconds");
  CHECK(direct(moved(mp_retrieve_end, "cpu", 0)).empty());
  lookup_result_details found;
  found.l1_hit_keys = 3;
  found.l2_hit_keys = 1;
  found.requested_keys = 8;
  found.seconds = 0.00125;
  found.prefetch_request_id = 17;
  CHECK(direct(of(mp_lookup_prefetch_end, found))
        == "I Prefetch request completed (L1+L2): 4/8 prefix hits, 4/8 retained keys (3 L1, 1 L2) "
           "in 1.2 ms (external_request_id=req-1, prefetch_request_id=17)");
  found.l1_hit_keys = found.l2_hit_keys = 0;
  CHECK(direct(of(mp_lookup_prefetch_end, found)).empty());
  CHECK(direct(moved(mp_store_start, "cpu")).empty());
}

TEST_CASE("the eviction loop says what it decided, loudly only when it acts") {
  using enum event_type;
  CHECK(direct(of(l1_eviction_loop_tick, eviction_tick_details{0.853, 0.8, true}))
        == "I L1 memory usage 0.85 above watermark 0.80; triggering eviction.");
  CHECK(direct(of(l1_eviction_loop_tick, eviction_tick_details{0.1, 0.8, false}))
        == "D L1 memory usage 0.10 below watermark 0.80; skipping eviction.");
}
