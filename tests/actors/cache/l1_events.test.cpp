#include "actors/cache/l1_events.hpp"

#include "tests/fixtures/cache.hpp"

using namespace actord;
using namespace actord::test;

namespace {

struct fixture : cache_fixture {
  /// Starts an L1 whose events `types` are taken down.
  void listen(event_mask types, uint64_t units = 8) {
    bus->listen_to(types);
    l1_manager_options options;
    options.index = {units * unit, unit, 600'000, 300'000};
    options.bus = bus;
    options.chunk_tokens = 4;
    l1 = start(l1_manager, options, eviction_controller_actor{}, kv_events_actor{});
    tell(l1, atom::grow_v, units * unit);
  }
  std::vector<event> of(event_type type) {
    std::vector<event> result;
    for (auto& each : bus->take_all())
      if (each.type == type)
        result.push_back(std::move(each));
    return result;
  }

  event_publisher_ptr bus = std::make_shared<event_publisher>(
    1000, [] { return 1.0; }, [](event_publisher::wake) {});
};

const std::vector<event_key>& keys(const event& of) {
  return *std::get<l1_keys_details>(of.details).keys;
}

} // namespace

TEST_CASE_FIXTURE(fixture, "what becomes resident is told by name, as written and as stored") {
  listen({event_type::l1_write_finished, event_type::sm_write_finished});
  const auto chain = shared_chain(3);
  store(chain);
  const auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 2u);
  REQUIRE_EQ(keys(told[0]).size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    CHECK_EQ(keys(told[0])[i].hash, (*chain)[i]);
    CHECK_EQ(keys(told[0])[i].space->model_name, "model");
    CHECK_EQ(keys(told[0])[i].kv_rank, pack_kv_rank(1, 0));
    CHECK_EQ(keys(told[0])[i].length_bytes, unit);
  }
  CHECK_EQ(std::get<l1_keys_details>(told[0].details).l1_tag, "_default");
  CHECK_EQ(std::get<sm_keys_details>(told[1].details).succeeded->size(), 3u);
  store(shared_chain(1, 7)); // only what is new
  CHECK_EQ(keys(of(event_type::l1_write_finished).at(0)).size(), 1u);
}

TEST_CASE_FIXTURE(fixture, "a lookup tells what it holds and what it missed") {
  listen({event_type::l1_read_reserved, event_type::sm_read_prefetched});
  store(shared_chain(2));
  lookup(shared_chain(3));
  const auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 2u);
  CHECK_EQ(keys(told[0]).size(), 2u);
  const auto& storage = std::get<sm_keys_details>(told[1].details);
  CHECK_EQ(storage.succeeded->size(), 2u);
  REQUIRE_EQ(storage.failed->size(), 1u);
  CHECK_EQ(storage.failed->at(0).hash, shared_chain(3)->at(2));
}

TEST_CASE_FIXTURE(fixture, "the end of a claim tells what was read") {
  listen({event_type::l1_read_finished, event_type::sm_read_prefetched_finished});
  const auto chain = shared_chain(2);
  store(chain);
  const auto claimed
    = ask<claim_outcome>(l1, atom::claim_v, claim_order{lookup(chain).lease, 0, 0, 2, groups});
  CHECK(bus->take_all().empty());
  tell(l1, atom::finish_v, claimed.claim);
  const auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 2u);
  CHECK_EQ(keys(told[0]).size(), 2u);
  CHECK_EQ(std::get<sm_keys_details>(told[1].details).succeeded->size(), 2u);
}

TEST_CASE_FIXTURE(fixture, "what leaves is told, whoever made it leave") {
  listen({event_type::l1_keys_evicted}, 4);
  store(shared_chain(4));
  store(shared_chain(2, 50)); // in place of two
  CHECK_EQ(keys(of(event_type::l1_keys_evicted).at(0)).size(), 2u);
  ask<caf::ok_atom>(l1, atom::clear_v, false);
  CHECK_EQ(keys(of(event_type::l1_keys_evicted).at(0)).size(), 4u);
}

TEST_CASE_FIXTURE(fixture, "a reservation tells what it got, or what did not fit") {
  listen({event_type::l1_write_reserved, event_type::sm_write_reserved,
          event_type::l1_allocation_failed},
         2);
  reserve(shared_chain(2));
  auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 2u);
  CHECK_EQ(told[0].type, event_type::l1_write_reserved);
  CHECK_EQ(keys(told[0]).size(), 2u);
  reserve(shared_chain(3, 50));
  told = bus->take_all();
  REQUIRE_EQ(told.size(), 2u);
  const auto& failure = std::get<failure_details>(told[0].details);
  CHECK_EQ(failure.during, "l1_store");
  CHECK_EQ(failure.keys->size(), 3u);
  CHECK_EQ(std::get<sm_keys_details>(told[1].details).failed->size(), 3u);
}

TEST_CASE_FIXTURE(fixture, "the tokens of a chunk are told before it can be seen") {
  listen({event_type::mp_tokens, event_type::l1_write_finished});
  store(shared_chain(2));
  const auto told = bus->take_all();
  REQUIRE_EQ(told.size(), 2u);
  CHECK_EQ(told[0].type, event_type::mp_tokens);
  const auto& tokens = std::get<tokens_details>(told[0].details);
  CHECK_EQ(tokens.tokens->size(), 8u);
  CHECK_EQ(tokens.end_chunk, 2u);
  CHECK_EQ(tokens.chunk_tokens, 4u);
}

TEST_CASE_FIXTURE(fixture, "each look at the fill of the pool is told") {
  listen({event_type::l1_eviction_loop_tick}, 4);
  store(shared_chain(4));
  pass(1s);
  const auto told = of(event_type::l1_eviction_loop_tick);
  REQUIRE_EQ(told.size(), 1u);
  const auto& tick = std::get<eviction_tick_details>(told[0].details);
  CHECK_EQ(tick.usage, 1);
  CHECK_EQ(tick.watermark, 0.8);
  CHECK(tick.triggered);
}

TEST_CASE_FIXTURE(fixture, "a touched chain is told as one key a chunk") {
  listen({event_type::l1_keys_accessed});
  store(shared_chain(2));
  tell(l1, atom::touch_v, touch_order{{"model", 1, ""}, shared_chain(2)});
  CHECK_EQ(keys(of(event_type::l1_keys_accessed).at(0)).size(), 2u);
}

TEST_CASE_FIXTURE(fixture, "nothing is told when nobody listens, and names are not kept") {
  listen({});
  store(shared_chain(2));
  lookup(shared_chain(2));
  CHECK(bus->take_all().empty());
  CHECK(deref<l1_impl>(l1).state.index().drain_objects().empty());
}
