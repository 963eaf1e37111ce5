#include "observability/extra_stats.hpp"

#include <doctest/doctest.h>

using namespace actord;

namespace {

using lines = std::vector<std::string>;

constexpr auto store_start = event_type::mp_store_start, store_end = event_type::mp_store_end;
constexpr auto retrieve_start = event_type::mp_retrieve_start;
constexpr auto retrieve_end = event_type::mp_retrieve_end;

event copy(event_type type, double time_s, std::string key, std::string device = "cuda:0",
           uint64_t bytes = 0, std::optional<uint64_t> tokens = {}) {
  auto name = std::make_shared<transfer_name>();
  name->device = std::move(device);
  name->transfer_key = std::move(key);
  return {type, time_s, "r", transfer_details{std::move(name), 1, bytes, tokens, 0}};
}

event tick(double time_s, uint64_t used = 0, uint64_t total = 0) {
  return {event_type::l1_eviction_loop_tick, time_s, "",
          eviction_tick_details{0, 0.8, false, used, total}};
}

} // namespace

TEST_CASE("active devices are summed up once per interval, and since the start") {
  extra_stats stats{10};
  CHECK(stats.take(copy(store_start, 100, "a#0")).empty());
  CHECK(stats.take(copy(store_end, 100.5, "a#0", "cuda:0", 3'000'000'000, 1024)).empty());
  CHECK(stats.take(copy(store_end, 101, "b#1", "cuda:0", 1'000'000'000, 256)).empty()); // no start
  CHECK(stats.take(copy(retrieve_start, 101, "c#2", "cpu")).empty());
  CHECK(stats.take(copy(retrieve_end, 105, "c#2", "cpu", 2'000'000'000, 512)).empty());
  CHECK(stats.take(copy(store_end, 110, "d#3"))
        == lines{"L0<->L1 stats [cpu] last 10.0s: store ops=0 tokens=0 size=0.00GB avg_copy=n/a | "
                 "retrieve ops=1 tokens=512 size=2.00GB avg_copy=0.50GB/s",
                 "L0<->L1 stats [cpu] cumulative: store ops=0 tokens=0 size=0.00GB avg_copy=n/a | "
                 "retrieve ops=1 tokens=512 size=2.00GB avg_copy=0.50GB/s",
                 "L0<->L1 stats [cuda:0] last 10.0s: store ops=3 tokens=1280 size=4.00GB "
                 "avg_copy=6.00GB/s | retrieve ops=0 tokens=0 size=0.00GB avg_copy=n/a",
                 "L0<->L1 stats [cuda:0] cumulative: store ops=3 tokens=1280 size=4.00GB "
                 "avg_copy=6.00GB/s | retrieve ops=0 tokens=0 size=0.00GB avg_copy=n/a"});
  CHECK(stats.take(copy(store_start, 112, "e#4")).empty());
  CHECK(stats.take(copy(store_end, 114, "e#4", "cuda:0", 2'000'000'000, 100)).empty());
  const auto later = stats.take(tick(122.5, 1 << 29, 1 << 30));
  CHECK(later
        == lines{"L1 memory usage: 0.50/1.00 GiB (50.0%)",
                 "L0<->L1 stats [cuda:0] last 12.5s: store ops=1 tokens=100 size=2.00GB "
                 "avg_copy=1.00GB/s | retrieve ops=0 tokens=0 size=0.00GB avg_copy=n/a",
                 "L0<->L1 stats [cuda:0] cumulative: store ops=4 tokens=1380 size=6.00GB "
                 "avg_copy=2.00GB/s | retrieve ops=0 tokens=0 size=0.00GB avg_copy=n/a"});
}

TEST_CASE("the use of L1 is told with the first tick and then once per interval") {
  extra_stats stats{10};
  CHECK(stats.take(tick(50)) == lines{"L1 memory usage: 0.00/0.00 GiB (0.0%)"});
  CHECK(stats.take(tick(51)).empty());
  CHECK(stats.take(tick(59.9)).empty());
  CHECK(stats.take(tick(60, 3ULL << 30, 4ULL << 30))
        == lines{"L1 memory usage: 3.00/4.00 GiB (75.0%)"});
}

TEST_CASE("starts without an end are forgotten after a minute, and are bounded anyway") {
  extra_stats stats{1, 2};
  stats.take(tick(0));
  stats.take(copy(store_start, 0.5, "a"));
  stats.take(copy(store_start, 0.6, "b"));
  stats.take(copy(store_start, 0.7, "c"));
  CHECK(stats.pending() == 2);
  stats.take(tick(60.6)); // b is not older than 60 s yet
  CHECK(stats.pending() == 2);
  stats.take(tick(62));
  CHECK(stats.pending() == 0);
}
