#include "actors/l2/breaker.hpp"

#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("a breaker opens after failures in a row only") {
  breaker uut{{3, 100, 400, 0}};
  for (bool well : {false, false, true, false, false}) {
    REQUIRE(uut.admit(0));
    uut.ended(well, 0, 0);
  }
  CHECK_FALSE(uut.open());
  uut.ended(false, 0, 0);
  CHECK(uut.open());
  CHECK_FALSE(uut.admit(99));
}

TEST_CASE("one probe at a time decides; its failure doubles the pause up to the limit") {
  breaker uut{{1, 100, 400, 0}};
  uut.ended(false, 0, 0);
  time_ms now = 0;
  for (time_ms pause : {100, 200, 400, 400}) {
    CHECK_FALSE(uut.admit(now + pause - 1));
    now += pause;
    CHECK(uut.admit(now));
    CHECK_FALSE(uut.admit(now));
    uut.ended(false, 0, now);
  }
  CHECK_EQ(uut.times_opened(), 1u);
  now += 400;
  REQUIRE(uut.admit(now));
  uut.ended(true, 0, now);
  CHECK_FALSE(uut.open());
  uut.ended(false, 0, now);
  CHECK_FALSE(uut.admit(now + 99)); // the pause is the first one again
  CHECK(uut.admit(now + 100));
}

TEST_CASE("a task from before it opened changes nothing") {
  breaker uut{{1, 100, 400, 0}};
  uut.ended(false, 0, 0);
  uut.ended(true, 0, 50);
  CHECK(uut.open());
  CHECK_FALSE(uut.admit(50));
}

TEST_CASE("slow counts as failed where a limit says so") {
  breaker uut{{1, 100, 400, 50}};
  uut.ended(true, 50, 0);
  CHECK_FALSE(uut.open());
  uut.ended(true, 51, 0);
  CHECK(uut.open());
}
