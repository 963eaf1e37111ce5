#include "actors/transfer/pool_grower.hpp"

#include "tests/fixtures/fakes.hpp"

#include <unistd.h>

using namespace actord;
using namespace actord::test;

TEST_CASE_FIXTURE(actor_fixture, "the pool grows step by step and its grower ends with it") {
  auto made = shm_pool::create("lmcache_l1_pool_grower_" + std::to_string(::getpid()),
                               2 * shm_pool::step_bytes + (1 << 20));
  REQUIRE_EQ(made.index(), 0);
  auto pool = std::get<0>(made);
  const auto at_start = pool->reserved_bytes();
  auto log = std::make_shared<l1_log>();
  auto l1 = start(fake_l1, log);
  auto uut = start(pool_grower, pool, l1);
  self->monitor(uut);
  settle();
  CHECK(pool->complete());
  uint64_t told = at_start;
  for (auto bytes : log->grown)
    told += bytes;
  CHECK_EQ(told, pool->size_bytes()); // every page once
  bool ended = false;
  self->receive([&](const caf::down_msg&) { ended = true; }, caf::after(0s) >> [] {});
  CHECK(ended);
}
