#include "observability/trace/replay_stats.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace actord::trace;

namespace {

const std::string reserve = "lmcache.v1.distributed.storage_manager.StorageManager.reserve_write";
const std::string enter
  = "lmcache.v1.distributed.storage_manager.StorageManager.read_prefetched_results.__enter__";

replay_stats some_stats() {
  replay_stats result;
  for (const double ms : {4.0, 1.0, 3.0, 2.0})
    result.add({reserve, ms, false});
  result.add({reserve, 9.0, true});
  result.add({enter, 0.125, false, 1, 4, 3});
  result.skip();
  return result;
}

} // namespace

TEST_CASE("percentiles are of the sorted successes, at floor(p/100 n)") {
  CHECK(some_stats().csv()
        == "qualname,count,errors,mean_ms,p50_ms,p90_ms,p99_ms,min_ms,max_ms\r\n" + enter
             + ",1,0,0.125000,0.125000,0.125000,0.125000,0.125000,0.125000\r\n" + reserve
             + ",4,1,2.500000,3.000000,4.000000,4.000000,1.000000,4.000000\r\n");
}

TEST_CASE("the summary in JSON has the peer's shape") {
  replay_stats one;
  one.add({"a.b", 0.5, false});
  CHECK(one.json(0.25) == R"({
  "duration_s": 0.25,
  "ops": {
    "a.b": {
      "count": 1,
      "errors": 0,
      "max_ms": 0.5,
      "mean_ms": 0.5,
      "min_ms": 0.5,
      "p50_ms": 0.5,
      "p90_ms": 0.5,
      "p99_ms": 0.5
    }
  }
}
)");
  CHECK(replay_stats{}.json(0) == "{\n  \"duration_s\": 0.0,\n  \"ops\": {}\n}\n");
}

TEST_CASE("the table has the peer's lines, and what lookups found") {
  CHECK(some_stats().table({"storage", 0.142, "3c240684a43e", "9ea20ace", false})
        == R"(===================== Trace Replay Result ======================
--------------------------- Overall ----------------------------
Trace level:                                             storage
Records replayed:                                              5
Records skipped:                                               1
Records failed:                                                1
Replay duration (s):                                        0.14
Config digest:             MISMATCH (rec=3c240684, run=9ea20ace)
--------------------- Per-Op Latency (ms) ----------------------
read_prefetched_results.enter count:                           1
read_prefetched_results.enter mean:                         0.12
read_prefetched_results.enter p50:                          0.12
read_prefetched_results.enter p99:                          0.12
reserve_write count:                                           4
reserve_write mean:                                         2.50
reserve_write p50:                                          3.00
reserve_write p99:                                          4.00
--------------------------- Lookups ----------------------------
Chunks looked up:                                              4
Chunks found:                                                  3
Hit rate (%):                                              75.00
================================================================
)");
  CHECK(
    replay_stats{}.table({"storage", 0, "3c240684a43e", "x", true}).find("match (3c240684)\n====")
    != std::string::npos);
}

TEST_CASE("a line of samples comes back, and the peer's lines are understood") {
  const replay_sample sample{reserve, 1.5, true, 2.25, 4, 3, 100, 200};
  const auto line = json_line(sample);
  CHECK(line
        == "{\"qualname\": \"" + reserve
             + "\", \"latency_ms\": 1.5, \"failed\": true, \"t_s\": 2.25, \"wanted\": 4, \"hits\": "
               "3, \"l1_used_bytes\": 100, \"l1_bytes\": 200}\n");
  bool has_time = false;
  const auto again = parse_json_line(line, has_time);
  REQUIRE(again);
  CHECK(has_time);
  CHECK(json_line(*again) == line);
  const auto peers
    = parse_json_line(R"({"qualname": "x", "latency_ms": 2, "failed": false})", has_time);
  REQUIRE(peers);
  CHECK_FALSE(has_time);
  for (const std::string bad : {"", "[]", "{", R"({"qualname": 1, "latency_ms": 2})",
                                R"({"qualname": "x"})", R"({"qualname": "x", "latency_ms": {}})"})
    CHECK_FALSE(parse_json_line(bad, has_time));
  CHECK_FALSE(parse_json_line(std::string(5000, '['), has_time));
}
