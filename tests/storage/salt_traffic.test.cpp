#include "tests/storage/l1_fixture.hpp"

using namespace actord;
using namespace actord::test;

TEST_CASE_FIXTURE(l1_fixture,
                  "traffic is counted by salt: what was written, read to the end, removed") {
  CHECK(store(chain_of(1)));
  CHECK(index.drain_traffic().empty()); // off at first
  index.record_traffic(true);
  auto other = index.intern({"model", 1, "tenant"});
  CHECK(store(chain_of(3), other, full));
  CHECK(store(chain_of(2)));
  auto found = lookup(chain_of(2));
  auto claim = index.claim(found.lease, 0, 0, 2, full, now);
  REQUIRE(claim);
  auto rows = index.drain_traffic();
  REQUIRE_EQ(rows.size(), 2u);
  CHECK_EQ(index.salt_name(rows[0].salt), "tenant");
  CHECK_EQ(rows[0].written, 3u);
  CHECK_EQ(rows[1].written, 1u); // one was there
  CHECK_EQ(rows[1].read, 0u);
  index.finish_claim(claim->claim);
  index.clear(true);
  rows = index.drain_traffic();
  REQUIRE_EQ(rows.size(), 2u);
  CHECK_EQ(rows[0].read, 2u);
  CHECK_EQ(rows[0].evicted, 2u);
  CHECK_EQ(rows[1].evicted, 3u);
  CHECK(index.drain_traffic().empty());
}

TEST_CASE_FIXTURE(l1_fixture, "a read whose object lost its key meanwhile still counts") {
  index.record_traffic(true);
  CHECK(store(chain_of(1)));
  auto claim = index.claim(lookup(chain_of(1)).lease, 0, 0, 1, full, now);
  REQUIRE(claim);
  index.clear(true);
  index.drain_traffic();
  index.finish_claim(claim->claim);
  auto rows = index.drain_traffic();
  REQUIRE_EQ(rows.size(), 1u);
  CHECK_EQ(rows[0].read, 1u);
  CHECK_FALSE(index.salt_name(9999));
}

TEST_CASE_FIXTURE(l1_fixture, "a lookup tells how many objects serve it") {
  CHECK(store(chain_of(4)));
  CHECK_EQ(lookup(chain_of(6), 3).objects, 4u);
  CHECK_EQ(lookup(chain_of(1, 90)).objects, 0u);
}
