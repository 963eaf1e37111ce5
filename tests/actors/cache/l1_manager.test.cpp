#include "actors/cache/l1_manager.hpp"

#include "tests/fixtures/cache.hpp"

#include <algorithm>

using namespace actord;
using namespace actord::test;

namespace {

using code = reserve_outcome::code;

struct neighbours {
  std::vector<uint64_t> pressure; // used bytes
  std::vector<boxed<chunk_news_batch>> news;
};
using neighbours_ptr = std::shared_ptr<neighbours>;

eviction_controller_actor::behavior_type
fake_eviction(eviction_controller_actor::pointer, neighbours_ptr log) {
  return {
    [](atom::open, const l1_manager_actor&) {},
    [log](atom::pressure, uint64_t used, uint64_t) { log->pressure.push_back(used); },
    [](atom::tick) {},
    [](atom::status) { return eviction_status{}; },
  };
}

kv_events_actor::behavior_type fake_events(kv_events_actor::pointer, neighbours_ptr log) {
  return {
    [log](atom::stored, const boxed<chunk_news_batch>& batch) { log->news.push_back(batch); },
    [](atom::open, const zmq_gateway_actor&) {},
    [](atom::subscribe, const kv_subscription&) {},
    [](atom::ack, uint64_t) {},
    [](atom::cancel, uint64_t) {},
    [](atom::lost, uint64_t) {},
    [](atom::seen, int64_t) {},
    [](atom::close, int64_t) {},
    [](atom::status) { return kv_event_status{}; },
    [](atom::tick) {},
  };
}

struct fixture : cache_fixture {
  fixture() {
    start_bare_l1(10, eviction_kind::lru, start(fake_eviction, log), start(fake_events, log));
  }
  void grow(uint64_t units) {
    tell(l1, atom::grow_v, units * unit);
  }
  std::shared_ptr<answer<reserve_outcome>> begin_reserve(const chain_ptr& chain) {
    auto result = begin<reserve_outcome>(l1, atom::reserve_v, reserve_of(chain));
    settle();
    return result;
  }
  claim_outcome claim(lease_id lease, uint32_t end) {
    return ask<claim_outcome>(l1, atom::claim_v, claim_order{lease, 0, 0, end, groups});
  }

  neighbours_ptr log = std::make_shared<neighbours>();
};

struct full_fixture : fixture {
  full_fixture() {
    grow(10);
  }
};

} // namespace

TEST_CASE_FIXTURE(full_fixture, "what was stored is found, claimed where it lies, and let go") {
  auto chain = shared_chain(3);
  auto stored = store(chain);
  auto found = lookup(chain);
  CHECK_EQ(found.hit_chunks, 3u);
  CHECK_EQ(usage().read_locked_objects, 3u);
  auto claimed = claim(found.lease, 3);
  CHECK_NE(claimed.claim, 0u);
  CHECK_EQ(claimed.slots, stored);
  CHECK_EQ(usage().leases, 0u); // its shares have all moved
  CHECK_EQ(usage().claims, 1u);
  tell(l1, atom::finish_v, claimed.claim);
  CHECK_EQ(usage().claims, 0u);
  CHECK_EQ(usage().read_locked_objects, 0u);
}

TEST_CASE_FIXTURE(full_fixture, "what is not there is neither found nor claimed nor committed") {
  CHECK_EQ(lookup(shared_chain(3)).hit_chunks, 0u);
  CHECK_EQ(lookup(shared_chain(3)).lease, 0u);
  CHECK_EQ(claim(77, 1).claim, 0u);
  CHECK_FALSE(commit(77, shared_chain(1)));
}

TEST_CASE_FIXTURE(full_fixture, "closing a lease and releasing its shares free the objects") {
  auto chain = shared_chain(4);
  store(chain);
  auto closed = lookup(chain);
  tell(l1, atom::close_v, closed.lease);
  CHECK_EQ(usage().read_locked_objects, 0u);
  auto released = lookup(chain, "", 2);
  tell(l1, atom::release_v, release_order{released.lease, uint16_t{0}, 1, 3, 2});
  CHECK_EQ(usage().read_locked_objects, 2u);
}

TEST_CASE_FIXTURE(fixture, "a reservation waits while the pool grows and is answered when it has") {
  grow(2);
  auto waits = begin_reserve(shared_chain(4));
  CHECK(waits->open());
  auto fits = begin_reserve(shared_chain(1, 100));
  REQUIRE(fits->value);
  CHECK_EQ(fits->value->status, code::ok);
  grow(1);
  CHECK(waits->open());
  grow(4);
  REQUIRE(waits->value);
  CHECK_EQ(waits->value->status, code::ok);
  CHECK_EQ(waits->value->slots.size(), 4u);
}

TEST_CASE_FIXTURE(fixture, "a reservation that waits is answered when the pool will not grow") {
  grow(2);
  auto waits = begin_reserve(shared_chain(4));
  grow(0);
  REQUIRE(waits->value);
  CHECK_EQ(waits->value->status, code::out_of_memory);
  auto later = begin_reserve(shared_chain(4));
  REQUIRE(later->value); // at once from now on
  CHECK_EQ(later->value->status, code::out_of_memory);
}

TEST_CASE_FIXTURE(fixture, "what never fits is answered when the pool is complete") {
  grow(2);
  auto waits = begin_reserve(shared_chain(11));
  grow(8);
  REQUIRE(waits->value);
  CHECK_EQ(waits->value->status, code::out_of_memory);
}

TEST_CASE_FIXTURE(full_fixture, "a pool full of leased objects is out of memory at once") {
  auto chain = shared_chain(10);
  store(chain);
  auto lease = lookup(chain).lease;
  auto refused = begin_reserve(shared_chain(1, 100));
  REQUIRE(refused->value);
  CHECK_EQ(refused->value->status, code::out_of_memory);
  tell(l1, atom::close_v, lease);
  CHECK_EQ(reserve(shared_chain(1, 100)).status, code::ok);
}

TEST_CASE_FIXTURE(full_fixture, "a chunk that is there or on its way is not written twice") {
  auto chain = shared_chain(2);
  auto first = reserve(chain);
  CHECK_EQ(reserve(chain).status, code::nothing_to_write);
  REQUIRE(commit(first.reservation, chain));
  CHECK_EQ(reserve(chain).status, code::nothing_to_write);
  CHECK_EQ(reserve(shared_chain(3)).slots.size(), 1u);
}

TEST_CASE_FIXTURE(full_fixture, "a commit publishes its chunks with who stored them") {
  auto chain = shared_chain(2);
  auto held = reserve(chain);
  CHECK(log->news.empty());
  auto key = key_of_chunks(2);
  CHECK(ask<bool>(l1, atom::commit_v, held.reservation, box(store_origin{key, whole(chain)})));
  REQUIRE_EQ(log->news.size(), 1u);
  const auto& batch = *log->news[0];
  REQUIRE_EQ(batch.news.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(batch.news[i].stored);
    CHECK_EQ(batch.news[i].space->model_name, "model");
    CHECK(std::ranges::count(*chain, batch.news[i].hash) == 1);
  }
  REQUIRE(batch.origin);
  CHECK_EQ(batch.origin->key, key);
}

TEST_CASE_FIXTURE(full_fixture, "an aborted reservation publishes nothing and leaves nothing") {
  auto held = reserve(shared_chain(2));
  tell(l1, atom::abort_v, held.reservation);
  CHECK(log->news.empty());
  CHECK_EQ(usage().used_bytes, 0u);
  CHECK_FALSE(commit(held.reservation, shared_chain(2)));
}

TEST_CASE_FIXTURE(full_fixture, "what goes for something new, by a clear or by name is published") {
  store(shared_chain(10));
  log->news.clear();
  store(shared_chain(2, 100));
  REQUIRE_EQ(log->news.size(), 2u); // what had to go at the reservation, what came at the commit
  CHECK_FALSE(log->news[0]->origin);
  CHECK_EQ(log->news[0]->news.size(), 2u);
  CHECK_FALSE(log->news[0]->news[0].stored);
  log->news.clear();
  erase_order order{{{hash_of(100), "model", pack_kv_rank(1, 0), 0, ""},
                     {hash_of(404), "model", pack_kv_rank(1, 0), 0, ""}},
                    false};
  CHECK_EQ(ask<erase_report>(l1, atom::erase_v, order).deleted, 1u);
  REQUIRE_EQ(log->news.size(), 1u);
  CHECK_EQ(log->news[0]->news[0].hash, hash_of(100));
  ask<caf::ok_atom>(l1, atom::clear_v, false);
  REQUIRE_EQ(log->news.size(), 2u);
  CHECK_EQ(log->news[1]->news.size(), 9u);
  CHECK_EQ(usage().used_bytes, 0u);
}

TEST_CASE_FIXTURE(full_fixture, "a read object is locked for an erase and an orderly clear") {
  auto chain = shared_chain(2);
  store(chain);
  lookup(shared_chain(1));
  erase_order order{{{hash_of(0), "model", pack_kv_rank(1, 0), 0, ""}}, false};
  CHECK_EQ(ask<erase_report>(l1, atom::erase_v, order).locked, 1u);
  ask<caf::ok_atom>(l1, atom::clear_v, false);
  CHECK_EQ(usage().resident_objects, 1u);
  ask<caf::ok_atom>(l1, atom::clear_v, true);
  CHECK_EQ(lookup(chain).hit_chunks, 0u);
}

TEST_CASE_FIXTURE(full_fixture, "pressure is told once when the pool fills beyond the watermark") {
  store(shared_chain(7));
  CHECK(log->pressure.empty());
  store(shared_chain(1, 100));
  CHECK_EQ(log->pressure, (std::vector<uint64_t>{8 * unit}));
  store(shared_chain(1, 200));
  pass(10s);
  CHECK_EQ(log->pressure.size(), 1u);
  ask<caf::ok_atom>(l1, atom::clear_v, false);
  pass(1s); // seen below the watermark
  store(shared_chain(8, 300));
  CHECK_EQ(log->pressure.size(), 2u);
}

TEST_CASE_FIXTURE(full_fixture, "pressure that an eviction did not take away is told again") {
  auto chain = shared_chain(9);
  store(chain);
  lookup(chain);
  REQUIRE_EQ(log->pressure.size(), 1u);
  CHECK_EQ(ask<uint64_t>(l1, atom::evict_v, evict_order{4 * unit, std::nullopt}), 0u);
  pass(1s);
  CHECK_EQ(log->pressure.size(), 2u);
}

TEST_CASE_FIXTURE(full_fixture, "an eviction frees the oldest chunks, of one salt when told so") {
  store(shared_chain(3), "a");
  store(shared_chain(3), "b");
  CHECK_EQ(ask<uint64_t>(l1, atom::evict_v, evict_order{2 * unit, "b"}), 2 * unit);
  CHECK_EQ(ask<uint64_t>(l1, atom::evict_v, evict_order{2 * unit, "nobody"}), 0u);
  auto state = l1_state();
  CHECK_EQ(state.bytes_by_salt,
           (std::vector<std::pair<std::string, uint64_t>>{{"a", 3 * unit}, {"b", unit}}));
  CHECK_EQ(state.evicted_bytes, 2 * unit);
  CHECK_EQ(lookup(shared_chain(3), "b").hit_chunks, 1u); // tails go before their heads
}

TEST_CASE_FIXTURE(full_fixture, "a lease that nobody closes ends with the read TTL") {
  auto chain = shared_chain(2);
  store(chain);
  auto lease = lookup(chain).lease;
  pass(299s);
  CHECK_EQ(usage().read_locked_objects, 2u);
  pass(1s);
  pass(1s);
  CHECK_EQ(usage().leases, 0u);
  CHECK_EQ(usage().read_locked_objects, 0u);
  CHECK_EQ(claim(lease, 2).claim, 0u);
}

TEST_CASE_FIXTURE(full_fixture, "a reservation that nobody ends goes with the write TTL") {
  auto chain = shared_chain(2);
  auto held = reserve(chain);
  pass(599s);
  CHECK_EQ(usage().reservations, 1u);
  pass(1s);
  pass(1s);
  CHECK_EQ(usage().used_bytes, 0u);
  CHECK_FALSE(commit(held.reservation, chain));
  CHECK_EQ(lookup(chain).hit_chunks, 0u);
}

TEST_CASE_FIXTURE(full_fixture, "quarantine frees the keys at once and the buffers at the abort") {
  auto chain = shared_chain(2);
  auto held = reserve(chain);
  tell(l1, atom::quarantine_v, held.reservation);
  CHECK_EQ(usage().quarantined, 1u);
  CHECK_EQ(usage().used_bytes, 2 * unit);
  store(chain); // another writer need not wait
  tell(l1, atom::abort_v, held.reservation);
  CHECK_EQ(usage().quarantined, 0u);
  CHECK_EQ(usage().used_bytes, 2 * unit);
  CHECK_EQ(lookup(chain).hit_chunks, 2u);
}

TEST_CASE_FIXTURE(full_fixture, "a touched chunk outlives an untouched one") {
  store(shared_chain(1));
  store(shared_chain(1, 100));
  tell(l1, atom::touch_v, touch_order{{"model", 1, ""}, shared_chain(1)});
  CHECK_EQ(ask<uint64_t>(l1, atom::evict_v, evict_order{unit, std::nullopt}), unit);
  CHECK_EQ(lookup(shared_chain(1)).hit_chunks, 1u);
  CHECK_EQ(lookup(shared_chain(1, 100)).hit_chunks, 0u);
}
