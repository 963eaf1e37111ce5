#include "runtime/actor_census.hpp"

#include "tests/fixtures/actors.hpp"

using namespace actord;
using namespace actord::test;

namespace {

using counter_actor = caf::typed_actor<caf::reacts_to<uint64_t>>;

counter_actor::behavior_type counter(counter_actor::pointer, uint64_t* sum) {
  return {[sum](uint64_t amount) { *sum += amount; }};
}

struct fixture : actor_fixture {
  counter_actor start_counter(std::string name, uint64_t* sum) {
    return keep(runtime::spawn_named(sys, census, std::move(name), counter, sum));
  }
  uint64_t backlog(size_t index) {
    return census.list().at(index).backlog;
  }

  runtime::actor_census census;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "an actor's backlog is what came since it was last idle") {
  uint64_t sum = 0, other_sum = 0;
  auto uut = start_counter("one", &sum);
  start_counter("other", &other_sum);
  settle();
  CHECK_EQ(backlog(0), 0u);
  for (uint64_t i = 0; i < 3; ++i)
    self->send(uut, uint64_t{1});
  CHECK_EQ(backlog(0), 3u);
  CHECK_EQ(backlog(1), 0u);
  settle();
  CHECK_EQ(sum, 3u);
  CHECK_EQ(backlog(0), 0u);
}

TEST_CASE_FIXTURE(fixture,
                  "actors are listed in the order of their start, as long as one is held") {
  uint64_t sum = 0;
  start_counter("b", &sum);
  auto last = start_counter("a", &sum);
  {
    auto passing = runtime::spawn_named(sys, census, "passing", counter, &sum);
    CHECK_EQ(census.list().size(), 3u);
    end(passing, caf::exit_reason::kill);
  }
  end(last, caf::exit_reason::kill);
  const auto all = census.list();
  REQUIRE_EQ(all.size(), 2u);
  CHECK_EQ(all[0].name, "b");
  CHECK_EQ(all[1].name, "a");
}
