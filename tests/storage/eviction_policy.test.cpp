#include "storage/eviction_policy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <random>
#include <vector>

using namespace actord;

namespace {

column_facts facts_of(uint64_t fingerprint, salt_id salt = 1) {
  return {fingerprint, 1, salt};
}

std::vector<column_id>
order_of(const eviction_policy& policy, std::optional<salt_id> salt = std::nullopt) {
  std::vector<column_id> result;
  policy.walk(salt, [&](column_id column) {
    result.push_back(column);
    return offer_answer::taken;
  });
  return result;
}

void evict(eviction_policy& policy, column_id column) {
  policy.removed(column, true);
}

constexpr eviction_kind evicting[]
  = {eviction_kind::lru, eviction_kind::arc, eviction_kind::mq, eviction_kind::isolated_lru};

using order = std::vector<column_id>;

} // namespace

TEST_CASE("names of policies are exact") {
  for (auto name : {"LRU", "ARC", "MQ", "IsolatedLRU", "noop"}) {
    auto kind = parse_eviction_kind(name);
    REQUIRE(kind);
    CHECK_EQ(to_string(*kind), name);
    CHECK_EQ(make_eviction_policy(*kind, 10)->kind(), *kind);
  }
  CHECK_FALSE(parse_eviction_kind("lru"));
  CHECK_FALSE(parse_eviction_kind("Noop"));
}

TEST_CASE("LRU offers what was used longest ago first") {
  auto policy = make_eviction_policy(eviction_kind::lru, 0);
  for (column_id column = 0; column < 5; ++column)
    policy->admitted(column, facts_of(column));
  policy->touched(1);
  policy->touched(0);
  policy->removed(3, false);
  CHECK_EQ(order_of(*policy), order{2, 4, 1, 0});
}

TEST_CASE("isolated LRU keeps each salt's own order") {
  auto policy = make_eviction_policy(eviction_kind::isolated_lru, 0);
  for (column_id column = 0; column < 6; ++column)
    policy->admitted(column, facts_of(column, column % 2));
  policy->touched(1);
  CHECK_EQ(order_of(*policy, 1), order{3, 5, 1});
  CHECK_EQ(order_of(*policy, 0), order{0, 2, 4});
  CHECK_EQ(order_of(*policy, 9), order{});
  for (column_id column : {0, 2, 4})
    policy->removed(column, true);
  CHECK_EQ(order_of(*policy), order{3, 5, 1});
}

TEST_CASE("noop offers nothing") {
  auto policy = make_eviction_policy(eviction_kind::noop, 10);
  policy->admitted(0, facts_of(0));
  CHECK(order_of(*policy).empty());
}

TEST_CASE("refused columns keep their place and a stop ends the walk") {
  for (auto kind : evicting) {
    CAPTURE(to_string(kind));
    auto policy = make_eviction_policy(kind, 16);
    for (column_id column = 0; column < 6; ++column)
      policy->admitted(column, facts_of(column));
    order taken;
    policy->walk(1, [&](column_id column) {
      if (column < 2)
        return offer_answer::refused;
      if (taken.size() == 2)
        return offer_answer::stop;
      taken.push_back(column);
      return offer_answer::taken;
    });
    CHECK_EQ(taken, order{2, 3});
    CHECK_EQ(order_of(*policy), order{0, 1, 2, 3, 4, 5});
  }
}

TEST_CASE("a walk with a salt offers that salt's columns only") {
  for (auto kind : evicting) {
    CAPTURE(to_string(kind));
    auto policy = make_eviction_policy(kind, 16);
    for (column_id column = 0; column < 6; ++column)
      policy->admitted(column, facts_of(column, column % 3));
    policy->touched(2);
    CHECK_EQ(order_of(*policy, 2), order{5, 2});
  }
}

TEST_CASE("ARC spares what was seen twice") {
  auto policy = make_eviction_policy(eviction_kind::arc, 16);
  for (column_id column = 0; column < 4; ++column)
    policy->admitted(column, facts_of(column));
  policy->touched(0);
  CHECK_EQ(order_of(*policy), order{1, 2, 3, 0});
}

TEST_CASE("an ARC ghost that returns goes to the seen-again side and shifts the balance") {
  auto policy = make_eviction_policy(eviction_kind::arc, 16);
  for (column_id column = 0; column < 4; ++column)
    policy->admitted(column, facts_of(column));
  policy->touched(0);
  policy->touched(1);
  evict(*policy, 2);
  policy->admitted(4, facts_of(4));
  CHECK_EQ(order_of(*policy), order{3, 4, 0, 1});
  // 2 comes back soon after it left: recency deserves one column more, the oldest of the
  // seen-again side goes when only one column of the seen-once side is left.
  evict(*policy, 3);
  policy->admitted(2, facts_of(2));
  CHECK_EQ(order_of(*policy), order{4, 0, 1, 2});
  evict(*policy, 0);
  policy->admitted(3, facts_of(3));
  CHECK_EQ(order_of(*policy), order{1, 2, 3, 4});
}

TEST_CASE("an ARC walk counts what it takes and leaves the seen-once side its share") {
  auto policy = make_eviction_policy(eviction_kind::arc, 16);
  for (column_id column = 0; column < 6; ++column)
    policy->admitted(column, facts_of(column));
  policy->touched(0);
  policy->touched(1);
  for (column_id column : {2, 3})
    evict(*policy, column);
  for (column_id column : {2, 3}) // two ghosts return: a share of two
    policy->admitted(column, facts_of(column));
  policy->admitted(6, facts_of(6));
  CHECK_EQ(order_of(*policy), order{4, 5, 0, 1, 2, 3, 6});
}

TEST_CASE("what was cleared or deleted leaves no ghost") {
  auto arc = make_eviction_policy(eviction_kind::arc, 16);
  auto mq = make_eviction_policy(eviction_kind::mq, 16);
  for (auto* policy : {arc.get(), mq.get()}) {
    for (column_id column = 0; column < 3; ++column)
      policy->admitted(column, facts_of(column));
    policy->removed(0, false);
    policy->admitted(3, facts_of(0));
    CHECK_EQ(order_of(*policy), order{1, 2, 3});
  }
}

TEST_CASE("MQ offers columns by how often they were used, then by last use") {
  auto policy = make_eviction_policy(eviction_kind::mq, 16);
  for (column_id column = 0; column < 4; ++column)
    policy->admitted(column, facts_of(column));
  for (int use = 0; use < 3; ++use)
    policy->touched(0); // 4 uses: queue 2
  policy->touched(1);   // 2 uses: queue 1
  CHECK_EQ(order_of(*policy), order{2, 3, 1, 0});
}

TEST_CASE("an MQ ghost that returns has its old count and one more") {
  auto policy = make_eviction_policy(eviction_kind::mq, 16);
  for (column_id column = 0; column < 3; ++column)
    policy->admitted(column, facts_of(column));
  policy->touched(0);
  policy->touched(0); // 3 uses: queue 1
  policy->touched(1); // 2 uses: queue 1
  evict(*policy, 0);
  policy->admitted(3, facts_of(0)); // 4 uses: queue 2
  policy->touched(1);               // 3 uses: queue 1
  CHECK_EQ(order_of(*policy), order{2, 1, 3});
}

TEST_CASE("an MQ column that is not used for a lifetime sinks queue by queue") {
  auto policy = make_eviction_policy(eviction_kind::mq, 16);
  auto use = [&](column_id column, int times) {
    while (times-- > 0)
      policy->touched(column);
  };
  for (column_id column = 0; column < 3; ++column)
    policy->admitted(column, facts_of(column));
  use(0, 3);    // 4 uses: queue 2
  use(1, 9000); // queue 7
  CHECK_EQ(order_of(*policy), order{2, 0, 1});
  use(1, 1010);
  use(2, 1); // 2 uses: queue 1, behind 0, which has sunk there
  CHECK_EQ(order_of(*policy), order{0, 2, 1});
  use(1, 10'010);
  policy->admitted(3, facts_of(3)); // queue 0, behind both, which have sunk there
  CHECK_EQ(order_of(*policy), order{0, 2, 3, 1});
  use(1, 10'010);
  CHECK_EQ(order_of(*policy), order{0, 2, 3, 1});
}

TEST_CASE("ghosts stay within their bound") {
  for (auto kind : {eviction_kind::arc, eviction_kind::mq}) {
    CAPTURE(to_string(kind));
    auto bounded = make_eviction_policy(kind, 10);
    for (column_id column = 0; column < 1000; ++column)
      bounded->admitted(column, facts_of(column));
    auto before = bounded->table_bytes();
    for (column_id column = 0; column < 900; ++column)
      evict(*bounded, column);
    // A ghost costs less than 64 bytes; links come by pages of 1024.
    CHECK_LT(bounded->table_bytes(), before + 10 * 64 + 2 * 1024 * 8);
    // The oldest ghosts were forgotten: 0 returns as a new column, 899 as a known one.
    bounded->admitted(1, facts_of(0));
    bounded->admitted(0, facts_of(899));
    auto walk = order_of(*bounded);
    CHECK_LT(std::find(walk.begin(), walk.end(), 1), std::find(walk.begin(), walk.end(), 0));
  }
}

TEST_CASE("policies without room for ghosts work") {
  for (auto kind : evicting) {
    auto policy = make_eviction_policy(kind, 0);
    for (column_id column = 0; column < 100; ++column)
      policy->admitted(column, facts_of(column));
    for (column_id column = 0; column < 100; column += 2)
      evict(*policy, column);
    policy->admitted(0, facts_of(0));
    CHECK_EQ(order_of(*policy).size(), 51);
  }
}

TEST_CASE("after random use every policy offers each resident column once") {
  for (auto kind : evicting) {
    CAPTURE(to_string(kind));
    std::mt19937_64 random{7};
    auto policy = make_eviction_policy(kind, 40);
    order resident, spare(100);
    for (column_id column = 0; column < 100; ++column)
      spare[column] = column;
    for (int step = 0; step < 4000; ++step) {
      auto dice = random() % 10;
      if (dice < 4 && !spare.empty()) {
        resident.push_back(spare.back());
        spare.pop_back();
        policy->admitted(resident.back(), facts_of(random() % 150, random() % 3));
      } else if (dice < 7 && !resident.empty()) {
        policy->touched(resident[random() % resident.size()]);
      } else if (!resident.empty()) {
        std::swap(resident[random() % resident.size()], resident.back());
        policy->removed(resident.back(), dice == 9);
        spare.push_back(resident.back());
        resident.pop_back();
      }
      auto walk = order_of(*policy), expected = resident;
      std::sort(walk.begin(), walk.end());
      std::sort(expected.begin(), expected.end());
      REQUIRE_EQ(walk, expected);
    }
  }
}
