#include "actors/cache/warm_jobs.hpp"

#include <doctest/doctest.h>

using namespace actord;

using phase = warm_status::phase;

TEST_CASE("a warm prefetch is pending until it ends, and its result is told once") {
  warm_jobs jobs;
  CHECK(jobs.take("a", 0).now == phase::unknown);
  REQUIRE(jobs.begin("a"));
  CHECK_FALSE(jobs.begin("a"));
  CHECK(jobs.take("a", 1).now == phase::pending);
  CHECK(jobs.take("a", 2).now == phase::pending);
  jobs.finish("a", 3, 5, 3);
  CHECK_EQ(jobs.open(), 0u);
  const auto told = jobs.take("a", 4);
  CHECK(told.now == phase::completed);
  CHECK_EQ(told.found_keys, 3u);
  CHECK_EQ(told.total_keys, 5u);
  CHECK(jobs.take("a", 5).now == phase::unknown);
  CHECK_EQ(jobs.results(), 0u);
}

TEST_CASE("results that nobody asks for are kept for a while") {
  warm_jobs jobs;
  REQUIRE(jobs.begin("a"));
  REQUIRE(jobs.begin("b"));
  jobs.finish("a", 1, 1, 1'000);
  CHECK(jobs.take("a", 1'000 + warm_jobs::keep_ms).now == phase::unknown);
  CHECK(jobs.take("b", 1'000 + warm_jobs::keep_ms).now == phase::pending); // whatever its age
  jobs.finish("b", 1, 1, 2'000);
  CHECK(jobs.take("b", 1'999 + warm_jobs::keep_ms).now == phase::completed);
}

TEST_CASE("neither jobs nor results grow without bound") {
  warm_jobs jobs;
  for (size_t i = 0; i < warm_jobs::max_open; ++i)
    REQUIRE(jobs.begin("open " + std::to_string(i)));
  CHECK_FALSE(jobs.begin("one more"));
  jobs.finish("open 0", 0, 0, 0);
  for (size_t i = 0; i < warm_jobs::max_results; ++i) {
    const auto id = "done " + std::to_string(i);
    REQUIRE(jobs.begin(id));
    jobs.finish(id, 0, 0, 0);
  }
  CHECK_EQ(jobs.results(), warm_jobs::max_results);
  CHECK(jobs.take("open 0", 0).now == phase::unknown); // the oldest went
  CHECK(jobs.take("done 0", 0).now == phase::completed);
  CHECK_EQ(jobs.open(), warm_jobs::max_open - 1);
}
