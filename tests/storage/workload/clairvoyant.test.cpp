#include "storage/workload/clairvoyant.hpp"

#include "tests/storage/workload/workloads.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <map>
#include <random>

using namespace actord;
using namespace actord::test;
using namespace actord::workload;

namespace {

constexpr uint64_t block_bytes = 4096;
constexpr auto both_rooms = {room_rule::full, room_rule::watermark};

/// Most hits of any cache: every choice of what to keep is tried. Caches are bit sets of blocks.
uint64_t most_hits(const access_log& log, room_rule room, int capacity) {
  std::map<unsigned, uint64_t> best{{0, 0}};
  const auto pass = [&](unsigned wanted, bool lookup) {
    std::map<unsigned, uint64_t> next;
    for (const auto& [held, hits] : best) {
      const auto reach = held | wanted;
      const auto now = hits + (lookup ? std::popcount(held & wanted) : 0);
      for (auto keep = reach;; keep = (keep - 1) & reach) {
        if (std::popcount(keep) <= capacity)
          next[keep] = std::max(next[keep], now);
        if (keep == 0)
          break;
      }
    }
    best = std::move(next);
  };
  for (size_t number = 0; number < log.steps(); ++number) {
    const auto each = log.at(number);
    unsigned all = 0;
    for (auto id = each.blocks.rbegin(); id != each.blocks.rend(); ++id) {
      if (room == room_rule::full)
        pass(1u << *id, each.lookup);
      all |= 1u << *id;
    }
    if (room == room_rule::watermark)
      pass(all, each.lookup);
  }
  uint64_t result = 0;
  for (const auto& [held, hits] : best)
    result = std::max(result, hits);
  return result;
}

access_log small_workload(std::mt19937_64& random) {
  access_log log;
  for (int i = 0; i < 6; ++i)
    log.add_block(block_bytes, 0);
  for (int i = 0; i < 12; ++i) {
    std::vector<block_id> blocks;
    for (auto count = 1 + random() % 3; count > 0; --count)
      blocks.push_back(static_cast<block_id>(random() % 6));
    if (random() % 4 == 0)
      log.write(0, blocks);
    else
      log.lookup(0, blocks);
  }
  return log;
}

} // namespace

TEST_CASE("with blocks of one size the optimum is what trying everything finds") {
  std::mt19937_64 random{7};
  for (int round = 0; round < 30; ++round) {
    const auto log = small_workload(random);
    for (const auto room : both_rooms) {
      const clairvoyant best{log, room};
      for (int capacity = 0; capacity <= 6; ++capacity)
        REQUIRE_EQ(best.run(uint64_t(capacity) * block_bytes).hits, most_hits(log, room, capacity));
    }
  }
}

TEST_CASE("no policy hits more often than the optimum, and more room never hurts it") {
  for (uint64_t seed = 10; seed < 20; ++seed) {
    workload_shape shape;
    shape.writes = seed % 3 * 10;
    const auto log = make_workload(seed, shape);
    for (const auto room : both_rooms) {
      const clairvoyant best{log, room};
      uint64_t smaller = 0;
      for (const uint64_t capacity : {3, 10, 30, 100, 1000}) {
        const auto optimum = best.run(capacity * block_bytes).hits;
        CHECK_GE(optimum, smaller);
        smaller = optimum;
        for (const auto policy : {eviction_kind::lru, eviction_kind::arc, eviction_kind::mq,
                                  eviction_kind::isolated_lru, eviction_kind::noop})
          for (const double trigger : {0.8, 1.0})
            CHECK_GE(optimum,
                     simulate(log, {policy, capacity * block_bytes, room, {trigger, 0.2}}).hits);
      }
      CHECK_EQ(best.run(UINT64_MAX).hits, log.count().most_hits);
    }
  }
}

TEST_CASE("what a request finds from its head on is told apart") {
  access_log log;
  const auto a = log.add_block(1, 0), b = log.add_block(1, 0);
  log.lookup(0, std::vector{b});
  log.lookup(0, std::vector{a, b});
  log.lookup(0, std::vector{a, b});
  for (const auto room : both_rooms) {
    const auto counts = clairvoyant{log, room}.run(2);
    CHECK_EQ(counts.hits, 3);
    CHECK_EQ(counts.prefix_hits, 2);
  }
}
