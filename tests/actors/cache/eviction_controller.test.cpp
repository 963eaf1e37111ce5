// The two actors that act when something goes out of bounds: EVICTION CONTROLLER and SUPERVISOR.
#include "actors/cache/eviction_controller.hpp"

#include "actors/cache/quota.hpp"
#include "actors/supervisor.hpp"
#include "tests/fixtures/cache.hpp"
#include "tests/fixtures/fakes.hpp"

using namespace actord;
using namespace actord::test;

namespace {

struct fixture : cache_fixture {
  void start_controller(eviction_kind policy) {
    quotas = start(quota, std::make_shared<quota_levels>());
    uut = start(eviction_controller, eviction_controller_options{policy, 0.8, 0.2}, quotas);
  }
  // A controller before a real L1 MANAGER.
  void start_both(uint64_t units, eviction_kind policy = eviction_kind::lru) {
    start_controller(policy);
    start_l1(units, policy, uut);
    tell(uut, atom::open_v, l1);
  }
  // A controller before a scripted one.
  void start_before_fake() {
    start_controller(eviction_kind::lru);
    tell(uut, atom::open_v, start(fake_l1, log));
  }
  void set_quota(const std::string& salt, uint64_t units) {
    ask<caf::ok_atom>(quotas, atom::set_v, salt, units * unit);
  }
  uint64_t bytes_of(const std::string& salt) {
    for (const auto& [name, bytes] : l1_state().bytes_by_salt)
      if (name == salt)
        return bytes;
    return 0;
  }
  eviction_status state() {
    return ask<eviction_status>(uut, atom::status_v);
  }

  std::shared_ptr<l1_log> log = std::make_shared<l1_log>();
  quota_actor quotas;
  eviction_controller_actor uut;
};

} // namespace

TEST_CASE("the goal is to fall to the low mark, from the trigger on") {
  eviction_controller_state state{nullptr};
  state.options = {eviction_kind::lru, 0.8, 0.25};
  CHECK_EQ(state.goal(799, 1000), 0u);
  CHECK_EQ(state.goal(800, 1000), 200u); // low mark: 800 * 0.75 = 600
  CHECK_EQ(state.goal(1000, 1000), 400u);
  CHECK_EQ(state.goal(0, 1000), 0u);
  CHECK_EQ(state.goal(5, 0), 5u); // nothing may stay
  CHECK_EQ(state.goal(0, 0), 0u);
}

TEST_CASE_FIXTURE(fixture, "a pool that fills beyond the trigger falls to the low mark") {
  start_both(100);
  store(shared_chain(79));
  CHECK_EQ(usage().used_bytes, 79 * unit);
  store(shared_chain(1, 1000));
  CHECK_EQ(usage().used_bytes, 64 * unit);
  CHECK_EQ(state().rounds, 1u);
  CHECK_EQ(state().evicted_bytes, 16 * unit);
  CHECK_EQ(lookup(shared_chain(1, 1000)).hit_chunks, 1u); // the newest stays
}

TEST_CASE_FIXTURE(fixture, "an eviction goes in slices, so that others pass in between") {
  start_both(10'000);
  for (uint32_t i = 0; i < 7; ++i)
    store(shared_chain(1000, 1000 * i));
  store(shared_chain(999, 7000));
  auto trigger = begin<reserve_outcome>(l1, atom::reserve_v, reserve_of(shared_chain(1, 9000)));
  auto& manager = deref<l1_impl>(l1).state;
  while (manager.status().evicted_bytes == 0)
    REQUIRE(consume_message());
  CHECK_EQ(manager.status().evicted_bytes, l1_manager_state::columns_per_slice * unit);
  settle();
  CHECK_EQ(usage().used_bytes, 6400 * unit);
  CHECK_EQ(state().evicted_bytes, 1600 * unit);
}

TEST_CASE_FIXTURE(fixture, "a run stops at its goal") {
  start_before_fake();
  log->freed = {100, 150, 400, 400};
  tell(uut, atom::pressure_v, uint64_t{1000}, uint64_t{1000}); // goal: 1000 - 640
  std::vector<uint64_t> goals;
  for (const auto& order : log->evictions)
    goals.push_back(order.bytes);
  CHECK_EQ(goals, (std::vector<uint64_t>{360, 260, 110}));
  CHECK_EQ(state().evicted_bytes, 650u);
}

TEST_CASE_FIXTURE(fixture,
                  "a run stops when nothing can go, and the next pressure starts another") {
  start_before_fake();
  log->freed = {100};
  tell(uut, atom::pressure_v, uint64_t{1000}, uint64_t{1000});
  CHECK_EQ(log->evictions.size(), 2u); // the second freed nothing
  tell(uut, atom::pressure_v, uint64_t{1000}, uint64_t{1000});
  CHECK_EQ(log->evictions.size(), 3u);
  CHECK_EQ(state().rounds, 2u);
  tell(uut, atom::pressure_v, uint64_t{799}, uint64_t{1000}); // below the trigger
  CHECK_EQ(state().rounds, 2u);
}

TEST_CASE_FIXTURE(fixture, "a run goes on alone: pressure meanwhile starts no second one") {
  start_before_fake();
  log->freed = {100, 100, 100, 100};
  self->send(uut, atom::pressure_v, uint64_t{1000}, uint64_t{1000});
  self->send(uut, atom::pressure_v, uint64_t{1000}, uint64_t{1000});
  settle();
  CHECK_EQ(state().rounds, 1u);
  CHECK_EQ(log->evictions.size(), 4u);
}

TEST_CASE_FIXTURE(fixture, "a controller without an L1 MANAGER or with a dead one does nothing") {
  start_controller(eviction_kind::lru);
  tell(uut, atom::pressure_v, uint64_t{1000}, uint64_t{1000});
  CHECK_EQ(state().rounds, 0u);
  auto dead = start(fake_l1, log);
  tell(uut, atom::open_v, dead);
  end(dead, caf::exit_reason::kill);
  tell(uut, atom::pressure_v, uint64_t{1000}, uint64_t{1000});
  tell(uut, atom::pressure_v, uint64_t{1000}, uint64_t{1000});
  CHECK_EQ(state().rounds, 2u); // the first one is over
}

TEST_CASE_FIXTURE(fixture, "every salt is held to its own quota, once a second") {
  start_both(100, eviction_kind::isolated_lru);
  set_quota("a", 10);
  set_quota("b", 100);
  set_quota("c", 0);
  store(shared_chain(20), "a");
  store(shared_chain(20), "b");
  store(shared_chain(5), "c");
  store(shared_chain(20), "unlimited");
  CHECK_EQ(bytes_of("a"), 20 * unit);
  pass(1s);
  CHECK_EQ(bytes_of("a"), 6 * unit); // whole chunks: at most 6.4
  CHECK_EQ(bytes_of("b"), 20 * unit);
  CHECK_EQ(bytes_of("c"), 0u);
  CHECK_EQ(bytes_of("unlimited"), 20 * unit);
  CHECK_EQ(state().rounds, 1u);
  pass(1s);
  CHECK_EQ(state().rounds, 1u); // nothing is above its trigger any more
  store(shared_chain(20, 500), "a");
  pass(1s);
  CHECK_EQ(bytes_of("a"), 6 * unit);
}

TEST_CASE_FIXTURE(fixture, "the quota of a salt can be read, changed and taken away") {
  quotas = start(quota, std::make_shared<quota_levels>());
  CHECK_FALSE(ask<quota_entry>(quotas, atom::get_v, "a"s).exists);
  ask<caf::ok_atom>(quotas, atom::set_v, "a"s, uint64_t{5});
  ask<caf::ok_atom>(quotas, atom::set_v, "b"s, uint64_t{6});
  ask<caf::ok_atom>(quotas, atom::set_v, "a"s, uint64_t{7});
  auto all = ask<std::vector<quota_entry>>(quotas, atom::list_v);
  REQUIRE_EQ(all.size(), 2u);
  CHECK_EQ(all[0].cache_salt, "a");
  CHECK_EQ(all[0].limit_bytes, 7u);
  CHECK(ask<bool>(quotas, atom::erase_v, "a"s));
  CHECK_FALSE(ask<bool>(quotas, atom::erase_v, "a"s));
}

TEST_CASE_FIXTURE(fixture,
                  "an actor that dies takes the daemon down, one that ends in order does not") {
  int downs = 0;
  auto watcher = start(supervisor, [&downs] { ++downs; });
  std::vector<quota_actor> wards;
  for (int i = 0; i < 4; ++i) {
    wards.push_back(start(quota, std::make_shared<quota_levels>()));
    tell(watcher, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(wards.back()), "quota"s);
  }
  end(wards[0], caf::exit_reason::user_shutdown);
  end(wards[1], caf::exit_reason::normal);
  CHECK_EQ(downs, 0);
  end(wards[2], caf::exit_reason::unhandled_exception);
  CHECK_EQ(downs, 1);
  end(wards[3], caf::exit_reason::kill);
  CHECK_EQ(downs, 2);
}

TEST_CASE_FIXTURE(fixture, "an actor that was dead before it was watched counts as dying") {
  int downs = 0;
  auto watcher = start(supervisor, [&downs] { ++downs; });
  auto ward = start(quota, std::make_shared<quota_levels>());
  end(ward, caf::exit_reason::unhandled_exception);
  tell(watcher, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(ward), "quota"s);
  CHECK_EQ(downs, 1);
}
