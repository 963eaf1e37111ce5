#include "observability/l0_lifecycle.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <random>

using namespace actord;

namespace {

using samples = std::vector<double>;

struct recording final : l0_lifecycle_sink {
  samples life, idle, reuse;
  std::string model;
  void lifetime(int64_t, std::string_view model_name, double seconds) override {
    model = model_name;
    life.push_back(seconds);
  }
  void idle_before_evict(int64_t, std::string_view, double seconds) override {
    idle.push_back(seconds);
  }
  void reuse_gap(int64_t, std::string_view, double seconds) override {
    reuse.push_back(seconds);
  }
};

std::vector<uint32_t> tokens_of(uint32_t first, size_t count) {
  std::vector<uint32_t> result(count);
  std::iota(result.begin(), result.end(), first);
  return result;
}

using ids = std::vector<int64_t>;
constexpr uint32_t all = sample_threshold(1.0);

} // namespace

TEST_CASE("the block events of the reference run give its samples") {
  recording sink;
  l0_lifecycle tracker(sink, all);
  tracker.allocated(4242, "m", "req-1", ids{10, 11}, tokens_of(0, 32), 1000);
  tracker.session_ended("req-1");
  tracker.allocated(4242, "m", "req-2", ids{10}, tokens_of(0, 16), 1020);
  tracker.session_ended("req-2");
  tracker.allocated(4242, "m", "req-3", ids{10}, tokens_of(0, 16), 1040);
  tracker.session_ended("req-3");
  tracker.allocated(4242, "other", "req-4", ids{10}, tokens_of(100, 16), 1100);
  CHECK_EQ(sink.life, samples{100});
  CHECK_EQ(sink.idle, samples{60});
  CHECK_EQ(sink.reuse, samples{20});
  CHECK_EQ(sink.model, "m");
  CHECK_EQ(tracker.blocks(), 2);
  CHECK_EQ(tracker.links(), 1);
}

TEST_CASE("sharing an active block is no reuse, and the ring keeps four") {
  recording sink;
  l0_lifecycle tracker(sink, all);
  tracker.allocated(1, "m", "a", ids{1}, tokens_of(0, 4), 0);
  tracker.allocated(1, "m", "b", ids{1}, tokens_of(0, 4), 5);
  tracker.session_ended("a");
  tracker.allocated(1, "m", "a", ids{1}, tokens_of(0, 4), 6);
  tracker.session_ended("a");
  tracker.session_ended("b");
  for (double time : {10, 11, 13, 16, 20, 25}) {
    tracker.allocated(1, "m", "c", ids{1}, tokens_of(0, 4), time);
    tracker.session_ended("c");
  }
  tracker.allocated(1, "m", "d", ids{1}, tokens_of(9, 4), 30);
  CHECK_EQ(sink.reuse, samples{3, 4, 5});
  CHECK_EQ(sink.idle, samples{5});
}

TEST_CASE("blocks without tokens are skipped") {
  recording sink;
  l0_lifecycle tracker(sink, all);
  tracker.allocated(1, "m", "a", ids{1, 2, 3, 4}, tokens_of(0, 5), 0); // shares of 2, 2, 1, 0
  CHECK_EQ(tracker.blocks(), 3);
  tracker.allocated(1, "m", "a", ids{7}, {}, 0);
  CHECK_EQ(tracker.blocks(), 3);
}

TEST_CASE("an instance that is gone leaves nothing behind") {
  recording sink;
  l0_lifecycle tracker(sink, all);
  tracker.allocated(1, "m", "a", ids{1, 2}, tokens_of(0, 8), 0);
  tracker.allocated(2, "m", "a", ids{1, 2}, tokens_of(0, 8), 0);
  tracker.drop_instance(1);
  CHECK_EQ(tracker.blocks(), 2);
  CHECK_EQ(tracker.links(), 2);
  tracker.session_ended("a");
  CHECK_EQ(tracker.links(), 0);
  CHECK(sink.life.empty());
}

TEST_CASE("blocks, links and models stay within their limits under any events") {
  std::mt19937_64 random(5);
  recording sink;
  l0_lifecycle tracker(sink, all, {20, 30, 2});
  for (int step = 0; step < 5000; ++step) {
    auto request = std::to_string(random() % 12);
    if (random() % 8 == 0)
      tracker.session_ended(request);
    else if (random() % 50 == 0)
      tracker.drop_instance(static_cast<int64_t>(random() % 3));
    ids blocks(random() % 40);
    for (auto& id : blocks)
      id = static_cast<int64_t>(random() % 15);
    tracker.allocated(static_cast<int64_t>(random() % 3), "m" + std::to_string(random() % 4),
                      request, blocks,
                      tokens_of(static_cast<uint32_t>(random() % 3), 2 * blocks.size()), step);
    REQUIRE_LE(tracker.blocks(), 20);
    REQUIRE_LE(tracker.links(), 30);
  }
  for (int i = 0; i < 12; ++i)
    tracker.session_ended(std::to_string(i));
  CHECK_EQ(tracker.links(), 0);
}
