#include "storage/workload/access_log.hpp"

#include <doctest/doctest.h>

using namespace actord::workload;

namespace {

struct three_blocks {
  access_log log;
  block_id a = log.add_block(10, 0), b = log.add_block(20, 0), c = log.add_block(30, 1);
};

std::vector<block_id> blocks_at(const access_log& log, size_t number) {
  const auto found = log.at(number).blocks;
  return {found.begin(), found.end()};
}

} // namespace

TEST_CASE("steps come back as they were put in, and time never goes backwards") {
  three_blocks t;
  CHECK(t.log.lookup(5, std::vector{t.a, t.b}));
  CHECK(t.log.write(3, std::vector{t.c}));
  CHECK(t.log.lookup(9, std::vector{t.c}));
  REQUIRE_EQ(t.log.steps(), 3);
  CHECK_EQ(blocks_at(t.log, 0), std::vector{t.a, t.b});
  CHECK_EQ(blocks_at(t.log, 1), std::vector{t.c});
  CHECK(t.log.at(0).lookup);
  CHECK_FALSE(t.log.at(1).lookup);
  CHECK_EQ(t.log.at(1).time_ms, 5);
  CHECK_EQ(t.log.at(2).time_ms, 9);
}

TEST_CASE("a write of what was looked up since its last write is left out, once") {
  three_blocks t;
  t.log.lookup(0, std::vector{t.a, t.b});
  t.log.write(0, std::vector{t.a, t.b, t.c});
  t.log.write(0, std::vector{t.a});
  REQUIRE_EQ(t.log.steps(), 3);
  CHECK_EQ(blocks_at(t.log, 1), std::vector{t.c});
  CHECK_EQ(blocks_at(t.log, 2), std::vector{t.a});
}

TEST_CASE("a block that a request names twice counts once, and a request of nothing is none") {
  three_blocks t;
  t.log.lookup(0, std::vector{t.a, t.b, t.a});
  t.log.lookup(0, {});
  REQUIRE_EQ(t.log.steps(), 1);
  CHECK_EQ(blocks_at(t.log, 0), std::vector{t.a, t.b});
  CHECK_EQ(t.log.count().repeated, 1);
}

TEST_CASE("totals count requests, lookups, bytes and what can hit") {
  three_blocks t;
  t.log.lookup(0, std::vector{t.a, t.b});
  t.log.write(0, std::vector{t.c});
  t.log.lookup(0, std::vector{t.a, t.c});
  t.log.add_bytes(t.c, 5);
  const auto totals = t.log.count();
  CHECK_EQ(totals.requests, 2);
  CHECK_EQ(totals.lookups, 4);
  CHECK_EQ(totals.lookup_bytes, 10 + 20 + 10 + 35);
  CHECK_EQ(totals.writes, 1);
  CHECK_EQ(totals.block_bytes, 65);
  CHECK_EQ(totals.most_hits, 2);
  CHECK_FALSE(totals.same_size);
}
