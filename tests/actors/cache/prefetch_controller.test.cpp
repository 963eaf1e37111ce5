#include "tests/fixtures/l2.hpp"

using namespace actord;
using namespace actord::test;

TEST_CASE_FIXTURE(l2_fixture, "what engines stored comes back after L1 has lost it") {
  start_tier(8);
  auto store = add_store();
  const auto chain = shared_chain(4);
  engine_stores(chain);
  CHECK_EQ(store->objects.size(), 4u);
  clear_l1();
  const auto found = prefetch(chain);
  CHECK_EQ(found.l2_objects, 4u);
  check_served(found, chain);
  CHECK_EQ(usage().resident_objects, 0u); // temporary: gone with the reader
  CHECK_EQ(usage().used_bytes, 0u);
  CHECK_EQ(adapter_state().usage.locked_objects, 0u);
}

TEST_CASE_FIXTURE(l2_fixture, "what was loaded stays where the operator wants it to") {
  prefetch_controller_options options;
  options.retain = true;
  start_tier(8, options);
  add_store();
  const auto chain = shared_chain(3);
  engine_stores(chain);
  clear_l1();
  check_served(prefetch(chain), chain);
  CHECK_EQ(usage().resident_objects, 3u);
}

TEST_CASE_FIXTURE(l2_fixture, "only what L1 lacks is asked for and loaded") {
  start_tier(8);
  auto store = add_store();
  const auto chain = shared_chain(5);
  engine_stores(chain);
  clear_l1();
  engine_stores(shared_chain(2));
  const auto probes = store->probes;
  const auto found = prefetch(chain);
  CHECK_EQ(found.l2_objects, 3u);
  CHECK_EQ(store->probes, probes); // the index knows them
  check_served(found, chain);
}

TEST_CASE_FIXTURE(l2_fixture, "what somebody else put into the store is found") {
  start_tier(8);
  auto store = add_store();
  const auto chain = shared_chain(2);
  for (const auto& hash : *chain) {
    object_key key{hash, "model", pack_kv_rank(1, 0), 0, ""};
    store->objects[remote_name(key)].assign(unit, static_cast<std::byte>(content(hash)));
  }
  check_served(prefetch(chain), chain);
}

TEST_CASE_FIXTURE(l2_fixture, "two lookups of the same objects load them once") {
  start_tier(8);
  auto store = add_store();
  const auto chain = shared_chain(3);
  engine_stores(chain);
  clear_l1();
  store->holding = true;
  const auto first = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
  const auto second = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
  settle();
  REQUIRE_EQ(store->held.size(), 1u);
  CHECK(first->open());
  store->let_go();
  settle();
  CHECK_EQ(store->loads, 1u);
  REQUIRE(first->value);
  REQUIRE(second->value);
  CHECK_EQ(second->value->hit.hit_chunks, 3u);
  check_served(*first->value, chain);
  check_served(*second->value, chain);
  CHECK_EQ(usage().used_bytes, 0u);
}

TEST_CASE_FIXTURE(l2_fixture, "lower adapters come first, others fill what they lack") {
  start_tier(8);
  auto low = add_store(), high = add_store();
  const auto chain = shared_chain(4);
  engine_stores(chain);
  clear_l1();
  CHECK_EQ(low->objects.size(), 4u);
  CHECK_EQ(high->objects.size(), 4u);
  object_key lost{(*chain)[1], "model", pack_kv_rank(1, 0), 0, ""};
  ask<erase_report>(adapters[0], atom::erase_v, box(to_refs(std::vector{lost})));
  const auto found = prefetch(chain);
  check_served(found, chain);
  CHECK_EQ(adapter_state(0).loaded_objects, 3u);
  CHECK_EQ(adapter_state(1).loaded_objects, 1u);
  CHECK_EQ(adapter_state(0).usage.locked_objects, 0u);
  CHECK_EQ(adapter_state(1).usage.locked_objects, 0u);
}

TEST_CASE_FIXTURE(l2_fixture, "what vanished between look-up and load shortens the prefix") {
  start_tier(8);
  auto store = add_store();
  const auto chain = shared_chain(4);
  engine_stores(chain);
  clear_l1();
  store->objects.erase(remote_name({(*chain)[2], "model", pack_kv_rank(1, 0), 0, ""}));
  const auto found = prefetch(chain);
  CHECK_EQ(found.hit.hit_chunks, 2u);
  CHECK_EQ(adapter_state().usage.objects, 3u); // it is forgotten
  CHECK_EQ(adapter_state().missing, 1u);
}

TEST_CASE_FIXTURE(l2_fixture, "an adapter that hangs in a look-up is left behind in time") {
  prefetch_controller_options options;
  options.lookup_timeout_ms = 1000;
  start_tier(8, options);
  auto store = add_store();
  const auto chain = shared_chain(3);
  store->holding = true;
  const auto found = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
  settle();
  CHECK(found->open());
  pass(500ms);
  CHECK(found->open());
  pass(250ms);
  pass(250ms);
  pass(250ms);
  REQUIRE(found->value);
  CHECK_EQ(found->value->hit.hit_chunks, 0u);
  // Its answer comes late and finds objects: nobody keeps them locked.
  store->objects[remote_name({(*chain)[0], "model", pack_kv_rank(1, 0), 0, ""})].resize(unit);
  store->let_go();
  settle();
  CHECK_EQ(adapter_state().usage.locked_objects, 0u);
  CHECK_EQ(adapter_state().usage.objects, 1u);
}

TEST_CASE_FIXTURE(l2_fixture, "a load that hangs keeps its memory, and is taken in when it ends") {
  prefetch_controller_options options;
  options.load_timeout_ms = 500;
  start_tier(8, options);
  auto store = add_store();
  const auto chain = shared_chain(3);
  engine_stores(chain);
  clear_l1();
  store->holding = true;
  const auto found = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
  settle();
  for (int i = 0; i < 4; ++i)
    pass(250ms);
  REQUIRE(found->value);
  CHECK_EQ(found->value->hit.hit_chunks, 0u);
  CHECK_EQ(usage().used_bytes, 3 * unit); // the store may still write there
  clear_l1();
  CHECK_EQ(usage().used_bytes, 3 * unit);
  store->let_go();
  settle();
  CHECK_EQ(usage().used_bytes, 0u); // the clear took their keys
  CHECK_EQ(adapter_state().usage.locked_objects, 0u);
}

TEST_CASE_FIXTURE(l2_fixture, "a late load of what nobody cleared becomes resident") {
  prefetch_controller_options options;
  options.load_timeout_ms = 500;
  start_tier(8, options);
  auto store = add_store();
  const auto chain = shared_chain(3);
  engine_stores(chain);
  clear_l1();
  store->holding = true;
  const auto late = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
  settle();
  for (int i = 0; i < 4; ++i)
    pass(250ms);
  REQUIRE(late->value);
  store->let_go();
  settle();
  CHECK_EQ(usage().resident_objects, 3u);
  CHECK_EQ(lookup(chain).hit_chunks, 3u);
}

TEST_CASE_FIXTURE(l2_fixture, "a prompt that L1 cannot hold is served as far as half of it fits") {
  start_tier(4);
  auto store = add_store();
  const auto chain = shared_chain(6);
  for (const auto& hash : *chain)
    store->objects[remote_name({hash, "model", pack_kv_rank(1, 0), 0, ""})].assign(
      unit, static_cast<std::byte>(content(hash)));
  const auto found = prefetch(chain);
  CHECK_EQ(found.hit.hit_chunks, 3u);
  CHECK_EQ(usage().used_bytes, 3 * unit);
  CHECK_EQ(adapter_state().usage.locked_objects, 0u);
}

TEST_CASE_FIXTURE(l2_fixture, "no more lookups than allowed are under way, all are answered") {
  prefetch_controller_options options;
  options.max_in_flight = 2;
  start_tier(32, options);
  auto store = add_store();
  std::vector<chain_ptr> chains;
  for (uint32_t i = 0; i < 5; ++i) {
    chains.push_back(shared_chain(2, 100 * i));
    engine_stores(chains.back());
  }
  clear_l1();
  store->holding = true;
  std::vector<std::shared_ptr<answer<prefetch_outcome>>> answers;
  for (const auto& chain : chains)
    answers.push_back(begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain)));
  settle();
  CHECK_EQ(store->held.size(), 2u);
  while (!store->held.empty()) {
    store->let_go();
    settle();
    CHECK_LE(store->held.size(), 2u);
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    REQUIRE(answers[i]->value);
    check_served(*answers[i]->value, chains[i]);
  }
}

TEST_CASE_FIXTURE(l2_fixture,
                  "a load that ends while another lookup makes room is not waited for") {
  start_tier(8);
  l2_adapter_settings settings;
  settings.ask_store = false; // indexes answer look-ups
  auto low = add_store(settings), high = add_store(settings);
  const auto chain = shared_chain(2), head = shared_chain(1);
  engine_stores(chain);
  clear_l1();
  for (size_t i = 0; i < 2; ++i) { // the first chunk in the one, the second in the other
    const object_key key{(*chain)[i], "model", pack_kv_rank(1, 0), 0, ""};
    ask<erase_report>(adapters[1 - i], atom::erase_v, box(to_refs(std::vector{key})));
  }
  // Wherever the second lookup is when the first one's load ends, nobody waits for a time limit.
  for (int steps = 0; steps < 60; ++steps) {
    CAPTURE(steps);
    low->holding = true;
    const auto first = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(head));
    settle();
    REQUIRE_EQ(low->held.size(), 1u);
    const auto second = begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain));
    for (int i = 0; i < steps; ++i)
      consume_message();
    low->holding = false;
    while (!low->held.empty())
      low->let_go();
    settle();
    REQUIRE(first->value);
    REQUIRE(second->value);
    check_served(*first->value, head);
    if (second->value->hit.hit_chunks == 2)
      check_served(*second->value, chain);
    else
      tell(l1, atom::close_v, second->value->hit.lease);
    settle();
    clear_l1();
    CHECK_EQ(adapter_state(0).usage.locked_objects, 0u);
    CHECK_EQ(adapter_state(1).usage.locked_objects, 0u);
    CHECK_EQ(usage().used_bytes, 0u);
  }
}

TEST_CASE_FIXTURE(l2_fixture,
                  "lookups load no more bytes at a time than allowed, all have a turn") {
  prefetch_controller_options options;
  options.max_load_bytes = 4 * unit;
  start_tier(64, options);
  auto store = add_store();
  std::vector<chain_ptr> chains;
  for (uint32_t chunks : {2, 2, 6, 1, 3}) { // 6 alone, and those behind it do not pass it
    chains.push_back(shared_chain(chunks, static_cast<uint32_t>(100 * chains.size())));
    engine_stores(chains.back());
  }
  clear_l1();
  store->holding = true;
  std::vector<std::shared_ptr<answer<prefetch_outcome>>> answers;
  for (const auto& chain : chains)
    answers.push_back(begin<prefetch_outcome>(prefetcher, atom::lookup_v, prefetch_of(chain)));
  settle();
  std::vector<size_t> at_a_time;
  while (!store->held.empty()) {
    at_a_time.push_back(store->held.size());
    CHECK_LE(usage().used_bytes, 6 * unit);
    store->let_go();
    settle();
    for (size_t i = 0; i < answers.size(); ++i)
      if (answers[i] && answers[i]->value) {
        check_served(*answers[i]->value, chains[i]);
        answers[i] = nullptr;
        settle();
      }
  }
  CHECK_EQ(at_a_time, std::vector<size_t>{2, 1, 1, 2, 1});
  for (const auto& each : answers)
    CHECK_FALSE(each);
  CHECK_EQ(usage().used_bytes, 0u);
}
