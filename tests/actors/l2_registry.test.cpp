#include "tests/fixtures/l2_registry.hpp"

using namespace actord;
using namespace actord::test;

namespace {

using ids_t = std::vector<uint32_t>;

} // namespace

TEST_CASE_FIXTURE(registry_fixture, "a store that comes later takes copies and serves lookups") {
  start_registry(8);
  const auto before = shared_chain(1, 50), chain = shared_chain(3);
  engine_stores(before);
  auto store = attach("/a");
  engine_stores(chain);
  CHECK_EQ(store->objects.size(), 3u); // not what was there before it
  clear_l1();
  check_served(prefetch(chain), chain);
  CHECK_EQ(state_shown(0), "ready");
  CHECK_EQ(counts->active, 1u);
}

TEST_CASE_FIXTURE(registry_fixture, "a store that hangs while it opens holds up nobody") {
  start_registry(8);
  coming["/hung"].backend = std::make_shared<memory_store>();
  const auto hung = begin_attach(folder("/hung"));
  CHECK(hung->open());
  CHECK_EQ(state_shown(0), "opening");
  auto job = std::move(threads->jobs.front()); // does not run
  threads->jobs.pop_front();
  pass(3s);
  REQUIRE(hung->value); // whoever waited is told
  CHECK_EQ(hung->value->state, l2_state::opening);
  CHECK_FALSE(hung->value->waits_for.empty());
  auto other = attach("/other");
  engine_stores(shared_chain(2));
  CHECK_EQ(other->objects.size(), 2u);
  check_says(refusal<l2_entry>(registry, atom::detach_v, uint32_t{0}), "still opens");
  job(); // late, but there
  settle();
  CHECK_EQ(entry(0).state, l2_state::ready);
  CHECK_EQ(state_shown(0), "ready");
}

TEST_CASE_FIXTURE(registry_fixture, "a store that hangs while it opens can be removed") {
  start_registry(8);
  auto store = std::make_shared<memory_store>();
  std::weak_ptr<memory_store> alive = store;
  coming["/hung"].backend = std::move(store);
  const auto hung = begin_attach(folder("/hung"));
  CHECK_EQ(remove(0).state, l2_state::draining);
  CHECK(hung->error); // whoever waited for it
  CHECK_EQ(state_shown(0), "draining");
  CHECK(remove(0).removing);
  // Its place is not free before it has answered.
  check_says(begin_attach(folder("/hung/."))->text(), "base_path is that of L2 adapter 0");
  run_job(); // it opens after all
  CHECK(served.empty());
  CHECK_FALSE(alive.expired());
  run_job(); // its end has a thread of its own
  CHECK(alive.expired());
  CHECK_EQ(ids(), ids_t{});
  CHECK_EQ(state_shown(0), "");
  attach("/hung");
}

TEST_CASE_FIXTURE(registry_fixture, "an opening that fails leaves nothing behind but its reason") {
  start_registry(8);
  coming["/a"].fault = "base_path /a: permission denied";
  const auto failed = begin_attach(folder("/a"));
  run_job();
  CHECK(failed->error == ec::rejected);
  check_says(failed->text(), "permission denied");
  CHECK_EQ(ids(), ids_t{});
  CHECK_EQ(state_shown(0), "");
  check_says(why_not(0), "permission denied");
  attach("/a");
  CHECK_EQ(ids(), ids_t{1}); // an id is never used again
}

TEST_CASE_FIXTURE(registry_fixture, "without a thread an opening fails") {
  start_registry(8);
  threads->exhausted = true;
  check_says(begin_attach(folder("/a"))->text(), "no thread");
  CHECK_EQ(ids(), ids_t{});
}

TEST_CASE_FIXTURE(registry_fixture, "a place is attached once") {
  start_registry(8);
  attach("/a");
  const auto second = begin_attach(folder("/x/../a/"));
  CHECK(second->error == ec::busy);
  check_says(second->text(), "base_path is that of L2 adapter 0 ('fs', ready)");
  attach("/b");
  CHECK_EQ(ids(), ids_t{0, 1});
}

TEST_CASE_FIXTURE(registry_fixture, "there are so many adapters and no more") {
  start_registry(8);
  for (size_t i = 0; i < max_l2_adapters; ++i)
    attach("/" + std::to_string(i));
  check_says(begin_attach(folder("/more"))->text(), "64 are possible");
}

TEST_CASE_FIXTURE(registry_fixture, "ids and series stay when another adapter goes") {
  start_registry(16);
  std::vector<std::shared_ptr<memory_store>> all{attach("/0"), attach("/1"), attach("/2")};
  remove(1);
  run_job();
  CHECK_EQ(ids(), ids_t{0, 2});
  CHECK_EQ(state_shown(1), "");
  CHECK_EQ(state_shown(2), "ready");
  check_says(why_not(1), "was removed");
  check_says(why_not(7), "there is no L2 adapter 7");
  const auto chain = shared_chain(2);
  engine_stores(chain);
  CHECK_EQ(all[0]->objects.size(), 2u);
  CHECK_EQ(all[1]->objects.size(), 0u);
  CHECK_EQ(all[2]->objects.size(), 2u);
  auto last = attach("/1");
  CHECK_EQ(ids(), ids_t{0, 2, 3});
  engine_stores(shared_chain(1, 60));
  CHECK_EQ(last->objects.size(), 1u);
  CHECK_EQ(all[2]->objects.size(), 3u);
}

TEST_CASE_FIXTURE(registry_fixture,
                  "a draining adapter has what waited for it, nothing new, and serves lookups") {
  start_registry(16);
  auto store = attach("/a");
  store->holding = true;
  const auto chain = shared_chain(2);
  engine_stores(chain);
  auto now = drain(0);
  CHECK_EQ(now.state, l2_state::draining);
  CHECK_FALSE(now.drained);
  CHECK_EQ(waiting(0), 2u);
  CHECK_EQ(state_shown(0), "draining");
  CHECK_EQ(counts->draining, 1u);
  engine_stores(shared_chain(1, 60));
  CHECK_EQ(waiting(0), 2u);
  CHECK_FALSE(drain(0).drained);
  CHECK_EQ(usage().dirty_objects, 2u); // what goes nowhere is kept no longer than others
  store->holding = false;
  store->let_go();
  settle();
  CHECK_EQ(store->objects.size(), 2u);
  CHECK(drain(0).drained);
  CHECK(entry(0).waits_for.empty());
  clear_l1();
  check_served(prefetch(chain), chain);
}

TEST_CASE_FIXTURE(registry_fixture, "an adapter that is removed is gone with its store") {
  start_registry(16);
  auto store = attach("/a");
  const auto chain = shared_chain(2);
  engine_stores(chain);
  clear_l1();
  std::weak_ptr<memory_store> alive = store;
  store.reset();
  CHECK_EQ(remove(0).state, l2_state::draining);
  CHECK_EQ(prefetch(chain).hit.hit_chunks, 0u); // nobody asks it any more, and nobody waits
  CHECK_FALSE(alive.expired());                 // only a thread may end it
  CHECK_FALSE(entry(0).actor);
  run_job();
  CHECK(alive.expired());
  CHECK_EQ(ids(), ids_t{});
  engine_stores(chain);
  CHECK_EQ(usage().dirty_objects, 0u);
}

TEST_CASE_FIXTURE(registry_fixture, "what waits for an adapter that goes is copied first") {
  start_registry(16);
  auto store = attach("/a");
  store->holding = true;
  engine_stores(shared_chain(3));
  auto now = remove(0);
  check_says(now.waits_for, "copied");
  store->let_go();
  settle();
  CHECK_EQ(store->objects.size(), 3u);
  run_job();
  CHECK_EQ(ids(), ids_t{});
}

TEST_CASE_FIXTURE(registry_fixture,
                  "the memory that a hung store may touch stays reserved while it is removed") {
  start_registry(16);
  auto hung = attach("/hung"), good = attach("/good");
  hung->holding = true;
  const auto chain = shared_chain(2);
  engine_stores(chain);
  remove(0);
  CHECK_EQ(prefetch(shared_chain(1, 90)).hit.hit_chunks, 0u); // nobody waits for it
  clear_l1();
  pass(10s); // no more is waited for copies
  const auto now = entry(0);
  CHECK_EQ(now.state, l2_state::draining);
  check_says(now.waits_for, "running tasks");
  CHECK(now.actor);
  check_says(remove(0).waits_for, "running tasks"); // and begins nothing anew
  pass(3600s);
  CHECK_EQ(usage().used_bytes, 2 * unit);
  CHECK_EQ(state_shown(0), "draining");
  CHECK(threads->jobs.empty());
  engine_stores(shared_chain(1, 60)); // the others go on
  CHECK_EQ(good->objects.size(), 3u);
  hung->let_go();
  settle();
  CHECK_EQ(usage().used_bytes, unit);
  run_job();
  CHECK_EQ(ids(), ids_t{1});
}

TEST_CASE_FIXTURE(registry_fixture, "copies to other adapters go on behind a hung one that goes") {
  store_controller_options options;
  options.max_bytes_in_flight = unit; // one batch at a time
  start_registry(16, {}, options);
  auto hung = attach("/hung"), good = attach("/good");
  hung->holding = true;
  for (uint32_t i = 0; i < 4; ++i)
    engine_stores(shared_chain(1, 10 * i));
  CHECK_EQ(good->objects.size(), 1u);
  remove(0);
  pass(10s);
  CHECK_EQ(good->objects.size(), 4u);
  CHECK_EQ(waiting(1), 0u);
  const auto now = ask<store_controller_status>(stores, atom::status_v);
  CHECK_EQ(now.failed, 4u); // copies that the hung one did not get
  CHECK_EQ(now.in_flight, 0u);
  CHECK_EQ(now.adapters, 2u);
  hung->let_go();
  settle();
  CHECK_EQ(ask<store_controller_status>(stores, atom::status_v).adapters, 1u);
}

TEST_CASE_FIXTURE(registry_fixture, "a lookup in flight ends with the prefix that is there") {
  prefetch_controller_options options;
  start_registry(16, options);
  auto slow = attach("/slow");
  const auto chain = shared_chain(4);
  engine_stores(chain);
  clear_l1();
  engine_stores(shared_chain(1)); // L1 has the first chunk
  slow->holding = true;
  const auto looking = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
  settle();
  REQUIRE_EQ(slow->held.size(), 1u); // its load
  remove(0);
  CHECK(looking->open());
  SUBCASE("with all of it when the store answers in time") {
    slow->let_go();
    settle();
    REQUIRE(looking->value);
    check_served(*looking->value, chain);
  }
  SUBCASE("in time when the store does not answer, whose memory nobody else gets") {
    for (int i = 0; i < 4 * 31; ++i)
      pass(250ms);
    REQUIRE(looking->value);
    CHECK_EQ(looking->value->hit.hit_chunks, 1u);
    CHECK_EQ(usage().used_bytes, 4 * unit);
    CHECK_EQ(ids(), ids_t{0});
    slow->let_go();
    settle();
  }
  run_job();
  CHECK_EQ(ids(), ids_t{});
}

TEST_CASE_FIXTURE(registry_fixture, "a lookup between its steps goes on without the adapter") {
  start_registry(16);
  auto store = attach("/a");
  const auto chain = shared_chain(3);
  store->holding = true; // no index knows them: the store is asked
  for (const auto& hash : *chain)
    store->objects[remote_name({hash, "model", pack_kv_rank(1, 0), 0, ""})].assign(
      unit, static_cast<std::byte>(content(hash)));
  const auto looking = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
  settle();
  REQUIRE_EQ(store->held.size(), 1u); // the question
  remove(0);
  store->let_go();
  settle();
  REQUIRE(looking->value); // it was refused the load
  CHECK_EQ(looking->value->hit.hit_chunks, 0u);
  CHECK_EQ(usage().used_bytes, 0u);
  run_job();
  CHECK_EQ(ids(), ids_t{});
}

TEST_CASE_FIXTURE(registry_fixture, "with skip_l1 an object stays that a removed adapter missed") {
  store_controller_options options;
  options.keep_in_l1 = false;
  start_registry(16, {}, options);
  auto hung = attach("/hung"), good = attach("/good");
  hung->holding = true;
  engine_stores(shared_chain(2));
  remove(0);
  pass(10s);
  CHECK_EQ(good->objects.size(), 2u);
  CHECK_EQ(usage().resident_objects, 2u);
  engine_stores(shared_chain(1, 60)); // came afterwards: every adapter that counts has it
  CHECK_EQ(usage().resident_objects, 2u);
  hung->let_go();
  settle();
}

TEST_CASE_FIXTURE(registry_fixture, "lookups wait as long as the most patient adapter says") {
  start_registry(16);
  auto options = folder("/a");
  options.lookup_timeout_ms = 60'000;
  auto store = std::make_shared<memory_store>();
  coming["/a"].backend = store;
  begin_attach(options);
  run_job();
  store->holding = true;
  const auto looking
    = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(shared_chain(1)));
  settle();
  for (int i = 0; i < 4 * 59; ++i)
    pass(250ms);
  CHECK(looking->open());
  for (int i = 0; i < 8; ++i)
    pass(250ms);
  CHECK(looking->value);
  store->let_go();
  settle();
}

TEST_CASE_FIXTURE(registry_fixture, "the end of the daemon takes over what is left") {
  start_registry(8);
  auto store = attach("/a");
  coming["/b"].backend = std::make_shared<memory_store>();
  const auto opening = begin_attach(folder("/b"));
  const auto held = ask<boxed<l2_holdings>>(registry, atom::stop_v);
  REQUIRE_EQ(held->list.size(), 1u);
  CHECK_EQ(held->list[0].backend, store);
  CHECK(held->list[0].actor);
  CHECK(opening->error == ec::unavailable);
  CHECK(begin_attach(folder("/c"))->error == ec::unavailable);
  run_job(); // the opening ends later
  run_job();
}
