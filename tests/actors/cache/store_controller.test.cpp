#include "tests/fixtures/l2.hpp"

using namespace actord;
using namespace actord::test;

namespace {

struct fixture : l2_fixture {
  store_controller_status stores_state() {
    return ask<store_controller_status>(stores, atom::status_v);
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "what an engine stores goes to every adapter, once") {
  start_tier(8);
  auto first = add_store(), second = add_store();
  engine_stores(shared_chain(3));
  engine_stores(shared_chain(3, 10));
  CHECK_EQ(first->objects.size(), 6u);
  CHECK_EQ(second->objects.size(), 6u);
  CHECK_EQ(first->stores, 2u); // a batch each
  CHECK_EQ(usage().resident_objects, 6u);
  CHECK_EQ(usage().read_locked_objects, 0u);
  CHECK_EQ(stores_state().in_flight, 0u);
}

TEST_CASE_FIXTURE(fixture, "what a load brought is not stored again") {
  start_tier(8);
  auto store = add_store();
  const auto chain = shared_chain(2);
  engine_stores(chain);
  clear_l1();
  check_served(prefetch(chain), chain);
  CHECK_EQ(store->stores, 1u);
}

TEST_CASE_FIXTURE(fixture, "objects are pinned while they are copied and no longer") {
  start_tier(8);
  auto store = add_store();
  store->holding = true;
  engine_stores(shared_chain(2));
  CHECK_EQ(usage().read_locked_objects, 2u);
  CHECK_EQ(stores_state().in_flight_bytes, 2 * unit);
  clear_l1(); // takes the keys, not the memory
  CHECK_EQ(usage().used_bytes, 2 * unit);
  store->let_go();
  settle();
  CHECK_EQ(usage().used_bytes, 0u);
  CHECK_EQ(store->objects.size(), 2u);
}

TEST_CASE_FIXTURE(fixture,
                  "no more bytes than allowed are on their way; what L1 loses meanwhile is "
                  "counted") {
  store_controller_options options;
  options.max_bytes_in_flight = unit;
  start_tier(16, {}, options);
  auto store = add_store();
  store->holding = true;
  for (uint32_t i = 0; i < 3; ++i)
    engine_stores(shared_chain(1, i));
  CHECK_EQ(store->held.size(), 1u);
  CHECK_EQ(stores_state().waiting, 2u);
  clear_l1();
  store->let_go();
  settle();
  CHECK_EQ(store->objects.size(), 1u);
  CHECK_EQ(stores_state().lost, 2u);
  CHECK_EQ(stores_state().waiting, 0u);
}

TEST_CASE_FIXTURE(fixture, "a failed copy is tried again after a pause, and given up in the end") {
  start_tier(8);
  auto good = add_store(), bad = add_store();
  bad->refusing = l2_result::no_space;
  engine_stores(shared_chain(2));
  CHECK_EQ(good->stores, 1u);
  CHECK_EQ(bad->stores, 1u);
  pass(500ms);
  CHECK_EQ(bad->stores, 2u);
  CHECK_EQ(good->stores, 1u); // has them
  bad->refusing.reset();
  pass(500ms);
  pass(500ms);
  CHECK_EQ(bad->objects.size(), 2u);
  CHECK_EQ(stores_state().failed, 0u);
  bad->refusing = l2_result::no_space;
  engine_stores(shared_chain(1, 50));
  for (int i = 0; i < 20; ++i)
    pass(500ms);
  CHECK_EQ(stores_state().failed, 1u);
  CHECK_EQ(stores_state().waiting, 0u);
}

TEST_CASE_FIXTURE(fixture, "with skip_l1 an object leaves L1 once every adapter has it") {
  store_controller_options options;
  options.keep_in_l1 = false;
  start_tier(8, {}, options);
  auto good = add_store(), slow = add_store();
  slow->holding = true;
  const auto chain = shared_chain(2);
  engine_stores(chain);
  CHECK_EQ(usage().resident_objects, 2u);
  slow->let_go();
  settle();
  CHECK_EQ(usage().resident_objects, 0u);
  slow->holding = false;
  check_served(prefetch(chain), chain);
}

TEST_CASE_FIXTURE(fixture, "an end waits for what is on its way") {
  start_tier(8);
  auto store = add_store();
  store->holding = true;
  engine_stores(shared_chain(2));
  const auto ended = begin<caf::ok_atom>(stores, atom::stop_v);
  settle();
  CHECK(ended->open());
  store->let_go();
  settle();
  CHECK(ended->value);
  engine_stores(shared_chain(1, 9));
  CHECK_EQ(store->objects.size(), 2u);
}

TEST_CASE_FIXTURE(fixture, "with skip_l1 nothing leaves L1 that no adapter has got") {
  store_controller_options options;
  options.keep_in_l1 = false;
  start_tier(8, {}, options);
  const auto chain = shared_chain(2);
  engine_stores(chain);
  add_store();
  std::vector<object_ref> objects;
  for (const auto& hash : *chain)
    objects.push_back({std::make_shared<const key_space>(key_space{"model", 1, ""}), hash,
                       pack_kv_rank(1, 0), 0, unit});
  self->send(stores, atom::stored_v, box(std::vector<object_ref>{objects}));
  self->send(stores, atom::close_v, uint32_t{0}); // while they are pinned
  settle();
  CHECK_EQ(usage().resident_objects, 2u);
  CHECK_EQ(usage().read_locked_objects, 0u);
  CHECK_EQ(stores_state().failed, 2u);
  CHECK_EQ(stores_state().adapters, 0u);
}

TEST_CASE_FIXTURE(fixture, "an adapter leaves its place to the next") {
  start_tier(8);
  auto first = add_store();
  for (uint32_t i = 0; i < 2 * pending_store::max_adapters; ++i) {
    tell(stores, atom::close_v, i);
    add_store();
  }
  CHECK_EQ(stores_state().adapters, 1u);
  engine_stores(shared_chain(2));
  CHECK_EQ(first->objects.size(), 0u);
  CHECK_EQ(usage().read_locked_objects, 0u);
}
