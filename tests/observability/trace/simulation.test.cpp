#include "observability/trace/simulation.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace actord;

namespace {

constexpr uint64_t gib = 1 << 30;

workload::access_log small_log(uint64_t second_bytes = gib) {
  workload::access_log log;
  const auto a = log.add_block(gib, 0), b = log.add_block(second_bytes, 0);
  log.lookup(0, std::vector{a, b});
  log.lookup(0, std::vector{a, b});
  log.write(0, std::vector{log.add_block(gib, 0)});
  log.lookup(0, std::vector{a});
  return log;
}

trace::simulation simulated(const workload::access_log& log) {
  trace::simulation_options options{{eviction_kind::noop, eviction_kind::noop}, {gib, 8 * gib}};
  return trace::run_simulation(log, options, [](size_t, size_t) {});
}

} // namespace

TEST_CASE("tables show the workload, every policy beside LRU and the optimum, and what they mean") {
  CHECK_EQ(trace::simulation_text(simulated(small_log())),
           R"(3 requests look up 5 blocks, 3 of them distinct (3 GiB); at most 60.0 % can hit
1 blocks are written that nobody had looked up
room is made as the daemon makes it: above 80 % of L1, down by 20 %

blocks found, % of those looked up, by size of L1
                     1 GiB       8 GiB
  LRU                  0.0        60.0
  noop                 0.0        60.0
  optimum             40.0        60.0

those that a prefix cache can serve: all blocks before them found too
                     1 GiB       8 GiB
  LRU                  0.0        60.0
  noop                 0.0        60.0
  optimum             40.0        60.0
LRU at 1 GiB: 4 blocks found no room
)");
}

TEST_CASE("tables say when the optimum is no bound") {
  CHECK_NE(trace::simulation_text(simulated(small_log(5))).find("is no bound"), std::string::npos);
}

TEST_CASE("JSON has the counts of every run") {
  const auto json = nlohmann::json::parse(trace::simulation_json(simulated(small_log())));
  CHECK_EQ(json["workload"]["lookups"], 5);
  CHECK_EQ(json["workload"]["block_bytes"], 3 * gib);
  CHECK_EQ(json["room"], "watermark");
  CHECK_EQ(json["eviction_ratio"], 0.2);
  REQUIRE_EQ(json["runs"].size(), 6);
  const auto& last = json["runs"][5];
  CHECK_EQ(last["policy"], "optimum");
  CHECK_EQ(last["l1_size_bytes"], 8 * gib);
  CHECK_EQ(last["hits"], 3);
  CHECK_EQ(last["hit_ratio"], 0.6);
  CHECK_EQ(last["hit_bytes"], 3 * gib);
}
