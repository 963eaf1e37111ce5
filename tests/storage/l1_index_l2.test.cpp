#include "tests/storage/l1_fixture.hpp"

using namespace actord;
using namespace actord::test;

namespace {

object_ref ref(const l1_fixture& of, uint32_t number) {
  return {std::make_shared<const key_space>(of.index.space(of.space)), hash_of(number),
          pack_kv_rank(1, 0), 0, object_bytes};
}

reserve_outcome reserve_load(l1_fixture& in, std::span<const chunk_hash> chain, bool temporary) {
  auto reserved = in.reserve(chain);
  in.index.mark_loading(reserved.reservation, temporary);
  return reserved;
}

} // namespace

TEST_CASE("what a load brought is resident, what it did not bring is free again") {
  l1_fixture l1;
  const auto chain = chain_of(3);
  const auto reserved = reserve_load(l1, chain, false);
  REQUIRE_EQ(reserved.slots.size(), 3u);
  CHECK_EQ(l1.index.commit_loaded(reserved.reservation, {true, true, false}), 2u);
  CHECK_EQ(l1.hit(chain), 2u);
  CHECK_EQ(l1.index.usage().used_bytes, 2 * object_bytes);
  CHECK(l1.index.consistent());
}

TEST_CASE("a load outlives the write TTL and those behind it do not") {
  l1_fixture l1;
  const auto load = reserve_load(l1, chain_of(1), false);
  l1.reserve(chain_of(1, 10));
  l1.now = 600'000;
  l1.index.expire(l1.now);
  CHECK_EQ(l1.index.usage().reservations, 1u);
  CHECK_EQ(l1.index.commit_loaded(load.reservation, {true}), 1u);
  CHECK(l1.index.consistent());
}

TEST_CASE("temporary objects go with their last reader") {
  l1_fixture l1;
  const auto chain = chain_of(2);
  const auto load = reserve_load(l1, chain, true);
  l1.index.commit_loaded(load.reservation, {true, true});
  CHECK_EQ(l1.index.usage().temporary_objects, 2u);
  const auto first = l1.lookup(chain, 2);
  const auto second = l1.lookup(chain_of(1));
  l1.index.close_lease(first.lease);
  CHECK_EQ(l1.index.usage().resident_objects, 1u); // chunk 0 has a reader yet
  const auto claimed = l1.index.claim(second.lease, 0, 0, 1, l1.full, l1.now);
  REQUIRE(claimed);
  l1.index.finish_claim(claimed->claim);
  CHECK_EQ(l1.index.usage().resident_objects, 0u);
  CHECK_EQ(l1.index.usage().temporary_objects, 0u);
  CHECK_EQ(l1.index.usage().used_bytes, 0u);
  CHECK(l1.index.consistent());
}

TEST_CASE("a temporary object that nobody reads can be evicted") {
  l1_fixture l1;
  const auto load = reserve_load(l1, chain_of(1), true);
  l1.index.commit_loaded(load.reservation, {true});
  CHECK_EQ(l1.index.evict(1, 10), object_bytes);
  CHECK_EQ(l1.index.usage().temporary_objects, 0u);
  CHECK(l1.index.consistent());
}

TEST_CASE("a load of what came by another way meanwhile is thrown away") {
  l1_fixture l1;
  const auto chain = chain_of(1);
  const auto load = reserve_load(l1, chain, true);
  REQUIRE(l1.index.reserve(l1.space, chain, 0, l1.full, 1, l1.now).reservation != 0);
  const auto other = l1.index.reserve(l1.space, chain, 0, l1.full, 2, l1.now);
  REQUIRE(l1.index.commit(other.reservation, l1.now));
  CHECK_EQ(l1.index.commit_loaded(load.reservation, {true}), 0u);
  CHECK_EQ(l1.index.usage().temporary_objects, 0u);
  CHECK_EQ(l1.hit(chain), 1u);
  CHECK(l1.index.consistent());
}

TEST_CASE("a forced clear takes the keys of a load and leaves its buffers alone") {
  l1_fixture l1;
  const auto load = reserve_load(l1, chain_of(2), false);
  l1.index.clear(true);
  CHECK_EQ(l1.index.usage().used_bytes, 2 * object_bytes);
  CHECK_EQ(l1.index.commit_loaded(load.reservation, {true, true}), 0u);
  CHECK_EQ(l1.index.usage().used_bytes, 0u);
  CHECK(l1.index.consistent());
}

TEST_CASE("everything that is resident can be held, with gaps") {
  l1_fixture l1;
  l1.store(chain_of(4));
  l1.index.erase(l1.key(1), false);
  const auto chain = chain_of(5);
  const auto held = l1.index.hold_present(l1.space, chain, l1.full, l1.now);
  CHECK_EQ(held.present, std::vector<bool>{true, false, true, true, false});
  CHECK_EQ(l1.index.evict(UINT64_MAX, 100), 0u);
  l1.index.close_lease(held.lease);
  CHECK_EQ(l1.index.evict(UINT64_MAX, 100), 3 * object_bytes);
  CHECK_EQ(l1.index.hold_present(l1.space, chain, l1.full, l1.now).lease, 0u);
  CHECK(l1.index.consistent());
}

TEST_CASE("pinned objects stay and are not counted as read") {
  l1_fixture l1;
  l1.index.record_traffic(true);
  l1.store(chain_of(2));
  l1.index.drain_traffic();
  const std::vector refs{ref(l1, 0), ref(l1, 7), ref(l1, 1)};
  const auto pinned = l1.index.pin(refs);
  REQUIRE_EQ(pinned.slots.size(), 3u);
  CHECK_EQ(pinned.slots[0].length_bytes, object_bytes);
  CHECK_EQ(pinned.slots[1].length_bytes, 0u);
  CHECK(pinned.slots[0].offset_bytes != pinned.slots[2].offset_bytes);
  CHECK_EQ(l1.index.evict(UINT64_MAX, 100), 0u);
  l1.index.finish_claim(pinned.claim);
  for (const auto& row : l1.index.drain_traffic())
    CHECK_EQ(row.read, 0u);
  CHECK_EQ(l1.index.evict(UINT64_MAX, 100), 2 * object_bytes);
  CHECK_EQ(l1.index.pin(refs).claim, 0u);
  CHECK(l1.index.consistent());
}

TEST_CASE("what no store has yet goes only where nothing else is left") {
  l1_fixture l1{4};
  l1.index.keep_dirty(true);
  l1.store(chain_of(2));
  l1.store(chain_of(2, 10));
  CHECK_EQ(l1.index.usage().dirty_objects, 4u);
  const std::vector stored{ref(l1, 10), ref(l1, 11), ref(l1, 99)};
  l1.index.cleaned(stored);
  CHECK_EQ(l1.index.usage().dirty_objects, 2u);
  // The clean ones are younger, and go first.
  CHECK(l1.store(chain_of(2, 20)));
  CHECK_EQ(l1.hit(chain_of(2)), 2u);
  CHECK_EQ(l1.hit(chain_of(2, 10)), 0u);
  // Now all are dirty: better to lose one than to refuse an engine.
  CHECK(l1.store(chain_of(1, 30)));
  CHECK_EQ(l1.index.usage().dirty_objects, 4u);
  CHECK(l1.index.consistent());
}

TEST_CASE("what a load brought is clean") {
  l1_fixture l1;
  l1.index.keep_dirty(true);
  const auto load = reserve_load(l1, chain_of(2), false);
  l1.index.commit_loaded(load.reservation, {true, true});
  CHECK_EQ(l1.index.usage().dirty_objects, 0u);
  CHECK(l1.index.consistent());
}
