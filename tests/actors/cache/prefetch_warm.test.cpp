#include "tests/fixtures/l2.hpp"

using namespace actord;
using namespace actord::test;

namespace {

using phase = warm_status::phase;

struct fixture : l2_fixture {
  /// Puts chunks into the store alone.
  void put(memory_store& store, const chain_ptr& chain, uint32_t group = 0) const {
    for (const auto& hash : *chain)
      store.objects[remote_name({hash, "model", pack_kv_rank(1, 0), group, ""})].assign(
        unit, static_cast<std::byte>(content(hash)));
  }

  void warm(const chain_ptr& chain, const std::string& id = "w") {
    auto lookup
      = std::make_shared<const lookup_order>(lookup_order{{"model", 1, ""}, chain, groups, 1});
    ask<caf::ok_atom>(prefetcher, atom::load_v, box(prefetch_order{lookup, id, 1}));
  }
  warm_status result(const std::string& id = "w") {
    return ask<warm_status>(prefetcher, atom::status_v, id);
  }
  void check_result(uint64_t found, uint64_t total, const std::string& id = "w") {
    const auto told = result(id);
    CHECK(told.now == phase::completed);
    CHECK_EQ(told.found_keys, found);
    CHECK_EQ(told.total_keys, total);
  }
  void check_idle() {
    CHECK_EQ(adapter_state().usage.locked_objects, 0u);
    CHECK_EQ(usage().leases, 0u);
    CHECK_EQ(usage().reservations, 0u);
    CHECK_EQ(ask<prefetch_controller_status>(prefetcher, atom::status_v).warming, 0u);
  }
  void let_go(memory_store& store) {
    store.let_go();
    settle();
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a warm prefetch brings a prompt into L1, where it stays") {
  start_tier(16);
  auto store = add_store();
  const auto chain = shared_chain(6);
  put(*store, chain);
  warm(chain);
  check_result(6, 6);
  CHECK(result().now == phase::unknown); // told once
  CHECK_EQ(usage().resident_objects, 6u);
  CHECK_EQ(usage().temporary_objects, 0u);
  check_idle();
  const auto hit = lookup(chain);
  CHECK_EQ(hit.hit_chunks, 6u);
  check_served({hit, 0}, chain);
  CHECK_EQ(usage().resident_objects, 6u);
}

TEST_CASE_FIXTURE(fixture, "what is in L1 counts as found, and gaps are filled behind it") {
  start_tier(16);
  auto store = add_store();
  const auto chain = shared_chain(6);
  engine_stores(shared_chain(2));
  store->objects.clear();
  put(*store, shared_chain(1, 3));
  put(*store, shared_chain(1, 5));
  warm(chain);
  check_result(4, 6);
  CHECK_EQ(usage().resident_objects, 4u);
  CHECK_EQ(adapter_state().loaded_objects, 2u);
  check_idle();
}

TEST_CASE_FIXTURE(fixture, "all of a full group and the last window of another are brought") {
  groups = {{-1, unit, false}, {2, unit, false}, {-1, unit, true}};
  prefetch_controller_options options;
  options.warm_piece_chunks = 2;
  start_tier(32, options);
  auto store = add_store();
  const auto chain = shared_chain(7);
  for (uint32_t group = 0; group < 3; ++group)
    put(*store, chain, group);
  warm(chain);
  check_result(7 + 2, 7 + 2);
  CHECK_EQ(usage().resident_objects, 9u);
  CHECK_EQ(lookup(chain).hit_chunks, 7u);
  CHECK_EQ(lookup(shared_chain(6)).hit_chunks, 0u); // a shorter prompt asks L2 for its window
}

TEST_CASE_FIXTURE(fixture, "L1 is taken piece by piece") {
  prefetch_controller_options options;
  options.warm_piece_bytes = 3 * unit;
  start_tier(32, options);
  auto store = add_store();
  const auto chain = shared_chain(8);
  put(*store, chain);
  warm(chain);
  check_result(8, 8);
  CHECK_EQ(store->loads, 3u);
  store->holding = true;
  ask<caf::ok_atom>(l1, atom::clear_v, true);
  warm(chain);
  CHECK_EQ(store->held.size(), 1u);
  CHECK_EQ(usage().used_bytes, 3 * unit);
  CHECK(result().now == phase::pending);
  let_go(*store);
  let_go(*store);
  let_go(*store);
  check_result(8, 8);
}

TEST_CASE_FIXTURE(fixture, "warm prefetches put nothing out of L1: they stop below its watermark") {
  prefetch_controller_options options;
  options.warm_piece_chunks = 2;
  options.warm_watermark = 0.8;
  start_tier(10, options);
  auto store = add_store();
  const auto engine = shared_chain(3, 100);
  engine_stores(engine);
  const auto chain = shared_chain(12);
  put(*store, chain);
  warm(chain);
  check_result(4, 12); // 3 + 4 + 2 objects would be above 8
  CHECK_EQ(lookup(engine).hit_chunks, 3u);
  CHECK_EQ(usage().used_bytes, 7 * unit);
  CHECK_EQ(lookup(chain).hit_chunks, 4u);
}

TEST_CASE_FIXTURE(fixture, "what L1 has counts as found even where there is no room for the rest") {
  prefetch_controller_options options;
  options.warm_piece_chunks = 2;
  start_tier(8, options);
  auto store = add_store();
  engine_stores(shared_chain(6, 2)); // chunks 2 to 7
  store->objects.clear();
  const auto chain = shared_chain(8);
  put(*store, shared_chain(2));
  warm(chain);
  check_result(6, 8);
  CHECK_EQ(usage().resident_objects, 6u);
  check_idle();
}

TEST_CASE_FIXTURE(fixture, "two warm prefetches run at a time, and lookups pass them") {
  prefetch_controller_options options;
  options.max_in_flight = 1;
  start_tier(64, options);
  auto store = add_store();
  std::vector<chain_ptr> chains;
  for (uint32_t i = 0; i < 4; ++i) {
    chains.push_back(shared_chain(2, 100 * i));
    engine_stores(chains.back());
  }
  clear_l1();
  store->holding = true;
  for (size_t i = 0; i < 3; ++i)
    warm(chains[i], std::to_string(i));
  CHECK_EQ(store->held.size(), 2u);
  const auto found = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chains[3]));
  settle();
  CHECK_EQ(store->held.size(), 3u);
  store->held.back()(); // the lookup's alone
  store->held.pop_back();
  settle();
  REQUIRE(found->value);
  check_served(*found->value, chains[3]);
  CHECK(result("0").now == phase::pending);
  while (!store->held.empty())
    let_go(*store);
  for (size_t i = 0; i < 3; ++i)
    check_result(2, 2, std::to_string(i));
  check_idle();
}

TEST_CASE_FIXTURE(fixture, "a lookup of what is being warmed waits for it, and it stays") {
  start_tier(16);
  auto store = add_store();
  const auto chain = shared_chain(4);
  engine_stores(chain);
  clear_l1();
  store->holding = true;
  warm(chain);
  const auto found = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
  settle();
  REQUIRE_EQ(store->held.size(), 1u);
  let_go(*store);
  REQUIRE(found->value);
  check_served(*found->value, chain);
  CHECK_EQ(store->loads, 1u);
  CHECK_EQ(usage().resident_objects, 4u);
  check_result(4, 4);
  check_idle();
}

TEST_CASE_FIXTURE(fixture, "a store that hangs ends a warm prefetch after one piece") {
  prefetch_controller_options options;
  options.warm_piece_chunks = 2;
  options.load_timeout_ms = 500;
  start_tier(32, options);
  auto store = add_store();
  const auto chain = shared_chain(8);
  engine_stores(chain);
  clear_l1();
  store->holding = true;
  warm(chain);
  for (int i = 0; i < 4; ++i)
    pass(250ms);
  check_result(0, 8);
  CHECK_EQ(store->held.size(), 1u);
  CHECK_EQ(usage().used_bytes, 2 * unit); // the store may still write there
  let_go(*store);
  CHECK_EQ(usage().resident_objects, 2u);
  check_idle();
}

TEST_CASE_FIXTURE(fixture, "what a store has lost is not counted as found") {
  start_tier(16);
  auto store = add_store();
  const auto chain = shared_chain(4);
  engine_stores(chain);
  clear_l1();
  store->objects.erase(remote_name({(*chain)[2], "model", pack_kv_rank(1, 0), 0, ""}));
  warm(chain);
  check_result(3, 4);
  CHECK_EQ(usage().resident_objects, 3u);
  check_idle();
}

TEST_CASE_FIXTURE(fixture, "too many warm prefetches are refused, all others end") {
  start_tier(128);
  auto store = add_store();
  const auto chain_of_job = [](size_t i) { return shared_chain(1, static_cast<uint32_t>(i)); };
  for (size_t i = 0; i < warm_jobs::max_open; ++i)
    put(*store, chain_of_job(i));
  store->holding = true;
  for (size_t i = 0; i < warm_jobs::max_open; ++i)
    warm(chain_of_job(i), std::to_string(i));
  auto lookup = std::make_shared<const lookup_order>(
    lookup_order{{"model", 1, ""}, chain_of_job(1000), groups, 1});
  check_says(refusal<caf::ok_atom>(prefetcher, atom::load_v,
                                   box(prefetch_order{lookup, "more", 1})),
             "too many warm prefetches");
  while (!store->held.empty())
    let_go(*store);
  for (size_t i = 0; i < warm_jobs::max_open; ++i)
    check_result(1, 1, std::to_string(i));
  check_idle();
}
