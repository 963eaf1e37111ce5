#include "storage/workload/simulated_cache.hpp"

#include "tests/storage/workload/workloads.hpp"

#include "storage/l1_index.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <list>
#include <string>

using namespace actord;
using namespace actord::test;
using namespace actord::workload;

namespace {

constexpr uint64_t block_bytes = 4096;
constexpr auto all_policies = {eviction_kind::lru, eviction_kind::arc, eviction_kind::mq,
                               eviction_kind::isolated_lru, eviction_kind::noop};

/// Least recently used as a list, access by access.
class naive_lru {
public:
  explicit naive_lru(size_t capacity) : capacity_{capacity} {
  }
  void access(block_id id) {
    used_.remove(id);
    used_.push_back(id);
    if (used_.size() > capacity_)
      used_.pop_front();
  }
  bool holds(block_id id) const {
    return std::find(used_.begin(), used_.end(), id) != used_.end();
  }

private:
  size_t capacity_;
  std::list<block_id> used_;
};

/// The index of the daemon itself, with the messages between its actors as calls.
class real_l1 {
public:
  real_l1(const cache_options& options, const access_log& log)
    : options_{options}, log_{log}, index_{{options.capacity_bytes, block_bytes},
                                           make_eviction_policy(
                                             options.policy, ghost_limit(options.capacity_bytes))} {
    index_.grow(options.capacity_bytes);
    for (salt_id salt = 0; salt < 3; ++salt) // numbered as the log has them
      index_.intern({"m", 1, std::to_string(salt)});
  }

  uint64_t request(const step& next) {
    const auto space = index_.intern({"m", 1, std::to_string(log_.at_block(next.blocks[0]).salt)});
    std::vector<chunk_hash> chain;
    for (const auto id : next.blocks) {
      const auto word = (id + uint64_t{1}) * 0x9e3779b97f4a7c15u;
      std::memcpy(chain.emplace_back().bytes.data(), &word, sizeof word);
    }
    uint64_t hits = 0;
    if (next.lookup) {
      const auto found = index_.lookup(space, chain, layout_, 1, 0);
      index_.close_lease(found.lease);
      hits = found.hit_chunks;
    }
    const auto reserved = index_.reserve(space, chain, 0, layout_, 0, 0);
    if (const auto goal
        = options_.rule.goal_bytes(index_.usage().used_bytes, options_.capacity_bytes);
        goal > 0)
      for (uint64_t freed = 1, left = goal; freed > 0 && left > 0; left -= std::min(left, freed))
        freed = index_.evict(left, 256); // a slice, as the controller does
    if (reserved.reservation != 0)
      index_.commit(reserved.reservation, 0);
    return hits;
  }
  uint64_t used_bytes() const {
    return index_.usage().used_bytes;
  }

private:
  cache_options options_;
  const access_log& log_;
  std::vector<group_layout> layout_{{-1, block_bytes, false}};
  l1_index index_;
};

} // namespace

TEST_CASE("LRU of one victim at a time is a list by last use") {
  const auto log = make_workload(1);
  for (const uint64_t capacity : {1, 5, 20, 60}) {
    simulated_cache ours{log, {eviction_kind::lru, capacity * block_bytes, room_rule::full}};
    naive_lru model{capacity};
    uint64_t hits = 0;
    for (size_t number = 0; number < log.steps(); ++number) {
      const auto next = log.at(number);
      for (auto id = next.blocks.rbegin(); id != next.blocks.rend(); ++id) {
        hits += model.holds(*id) ? 1 : 0;
        model.access(*id);
      }
      ours.run(next);
      for (block_id id = 0; id < log.blocks(); ++id)
        REQUIRE_EQ(ours.resident(id), model.holds(id));
      REQUIRE_EQ(ours.counts().hits, hits);
    }
    CHECK_GT(hits, 0);
  }
}

TEST_CASE("a larger LRU holds all that a smaller one holds") {
  const auto log = make_workload(2);
  for (const uint64_t capacity : {2, 9, 30}) {
    simulated_cache small{log, {eviction_kind::lru, capacity * block_bytes, room_rule::full}};
    simulated_cache large{log, {eviction_kind::lru, (capacity + 3) * block_bytes, room_rule::full}};
    for (size_t number = 0; number < log.steps(); ++number) {
      small.run(log.at(number));
      large.run(log.at(number));
      for (block_id id = 0; id < log.blocks(); ++id)
        REQUIRE((!small.resident(id) || large.resident(id)));
    }
    CHECK_GE(large.counts().hits, small.counts().hits);
  }
}

TEST_CASE("under the daemon's rule every policy serves what the daemon's own index serves") {
  for (const auto policy : all_policies)
    for (const uint64_t capacity : {8, 25, 60, 200})
      for (const eviction_rule rule : {eviction_rule{0.8, 0.2}, {1, 0}, {0.5, 1}}) {
        CAPTURE(to_string(policy));
        CAPTURE(capacity);
        CAPTURE(rule.trigger_watermark);
        workload_shape shape;
        shape.writes = 10;
        shape.salts = policy == eviction_kind::isolated_lru ? 3 : 1;
        const auto log = make_workload(3 + capacity, shape);
        const cache_options options{policy, capacity * block_bytes, room_rule::watermark, rule};
        simulated_cache ours{log, options};
        real_l1 real{options, log};
        uint64_t served = 0;
        for (size_t number = 0; number < log.steps(); ++number) {
          const auto next = log.at(number);
          served += real.request(next);
          ours.run(next);
          REQUIRE_EQ(ours.counts().prefix_hits, served);
          REQUIRE_EQ(ours.used_bytes(), real.used_bytes());
        }
        CHECK_GT(served, 0);
      }
}

TEST_CASE("whatever the sizes, a cache never holds more than its capacity, and counts add up") {
  workload_shape shape;
  shape.sizes = {4096, 8192, 40960};
  shape.writes = 20;
  shape.salts = 4;
  for (const auto policy : all_policies)
    for (const auto room : {room_rule::full, room_rule::watermark})
      for (const uint64_t capacity : {20'000, 200'000, 2'000'000}) {
        const auto log = make_workload(capacity, shape);
        simulated_cache cache{log, {policy, capacity, room}};
        uint64_t found = 0;
        for (size_t number = 0; number < log.steps(); ++number) {
          const auto next = log.at(number);
          if (room == room_rule::watermark && next.lookup)
            for (const auto id : next.blocks)
              found += cache.resident(id) ? 1 : 0;
          cache.run(next);
          uint64_t held = 0;
          for (block_id id = 0; id < log.blocks(); ++id)
            held += cache.resident(id) ? log.at_block(id).bytes : 0;
          REQUIRE_EQ(held, cache.used_bytes());
          REQUIRE_LE(held, capacity);
        }
        if (room == room_rule::watermark)
          CHECK_EQ(cache.counts().hits, found);
        CHECK_LE(cache.counts().prefix_hits, cache.counts().hits);
        CHECK_LE(cache.counts().hits, log.count().most_hits);
      }
}

TEST_CASE("prefix hits end at the first block that is missing") {
  access_log log;
  const auto a = log.add_block(block_bytes, 0), b = log.add_block(block_bytes, 0),
             c = log.add_block(block_bytes, 0);
  log.lookup(0, std::vector{a});
  log.lookup(0, std::vector{c});
  log.lookup(0, std::vector{a, b, c});
  for (const auto room : {room_rule::full, room_rule::watermark}) {
    const auto counts = simulate(log, {eviction_kind::lru, 1 << 20, room});
    CHECK_EQ(counts.hits, 2);
    CHECK_EQ(counts.prefix_hits, 1);
    CHECK_EQ(counts.hit_bytes, 2 * block_bytes);
  }
}

TEST_CASE("a request that L1 cannot hold is not stored at all, as by the daemon") {
  access_log log;
  std::vector<block_id> blocks;
  for (int i = 0; i < 10; ++i)
    blocks.push_back(log.add_block(block_bytes, 0));
  log.lookup(0, blocks);
  log.lookup(0, blocks);
  const auto counts = simulate(log, {eviction_kind::lru, 9 * block_bytes});
  CHECK_EQ(counts.hits, 0);
  CHECK_EQ(counts.refused, 20);
}

TEST_CASE("a quota is kept once in a second of the workload, and only by IsolatedLRU") {
  access_log log;
  std::vector<block_id> blocks;
  for (int i = 0; i < 10; ++i)
    blocks.push_back(log.add_block(block_bytes, i < 5 ? 0 : 1));
  log.lookup(100, blocks);
  log.lookup(900, std::vector{blocks[0]});  // the same second
  log.lookup(1100, std::vector{blocks[9]}); // the next
  cache_options options{eviction_kind::isolated_lru, 100 * block_bytes};
  options.quotas = {{0, 2 * block_bytes}, {7, 1}};
  simulated_cache limited{log, options};
  limited.run(log.at(0));
  limited.run(log.at(1));
  CHECK_EQ(limited.used_bytes(), 10 * block_bytes);
  limited.run(log.at(2));
  CHECK_EQ(limited.used_bytes(), 6 * block_bytes); // 5 of salt 1, 1 of salt 0: 0.64 * 2 blocks
  CHECK(limited.resident(blocks[0]));              // used last
  options.policy = eviction_kind::lru;
  CHECK_EQ(simulate(log, options).evicted, 0);
}
