#include "tests/storage/l1_fixture.hpp"

#include <map>
#include <optional>
#include <random>

using namespace actord;
using namespace actord::test;
using code = reserve_outcome::code;

namespace {

struct large : l1_fixture {
  large() : l1_fixture{128} {
  }
};

} // namespace

TEST_CASE_FIXTURE(l1_fixture, "what is committed is found, what is staged is not") {
  auto reserved = reserve(chain_of(3));
  CHECK_EQ(hit(chain_of(3)), 0);
  CHECK(index.commit(reserved.reservation, now));
  CHECK_EQ(hit(chain_of(3)), 3);
  CHECK_EQ(index.usage().used_bytes, 3 * object_bytes);
}

TEST_CASE_FIXTURE(l1_fixture, "spaces do not share chunks") {
  CHECK(store(chain_of(3)));
  for (auto name :
       {key_space{"model", 1, "salt"}, key_space{"model", 2, ""}, key_space{"m", 1, ""}}) {
    CHECK_FALSE(index.find(name));
    CHECK_EQ(index.lookup(index.intern(name), chain_of(3), full, 1, now).hit_chunks, 0);
  }
}

TEST_CASE_FIXTURE(l1_fixture, "of two tags that stage one key the first commit wins") {
  auto one = reserve(chain_of(1), 0), other = reserve(chain_of(1), 1);
  CHECK_EQ(other.status, code::ok);
  CHECK_EQ(reserve(chain_of(1), 1).status, code::nothing_to_write);
  CHECK(index.commit(other.reservation, now));
  CHECK(index.commit(one.reservation, now));
  auto held = lookup(chain_of(1));
  auto claimed = index.claim(held.lease, 0, 0, 1, full, now);
  REQUIRE(claimed);
  CHECK_EQ(claimed->slots[0].offset_bytes, other.slots[0].offset_bytes);
  CHECK_EQ(index.usage().used_bytes, object_bytes);
}

TEST_CASE_FIXTURE(l1_fixture, "a chunk with three readers goes after the third release") {
  CHECK(store(chain_of(1)));
  auto held = lookup(chain_of(1), 3);
  for (int reader = 0; reader < 3; ++reader) {
    CHECK_EQ(index.evict(object_bytes, 1), 0);
    index.release(held.lease, std::nullopt, 0, 1, 1);
  }
  CHECK_EQ(index.usage().leases, 0);
  CHECK_EQ(index.evict(object_bytes, 1), object_bytes);
}

TEST_CASE_FIXTURE(l1_fixture, "shares are clamped to 128") {
  CHECK(store(chain_of(1)));
  auto held = lookup(chain_of(1), 500);
  index.release(held.lease, 0, 0, 1, 127);
  CHECK_EQ(index.usage().leases, 1);
  index.release(held.lease, 0, 0, 1, 1);
  CHECK_EQ(index.usage().leases, 0);
}

TEST_CASE_FIXTURE(l1_fixture, "a late release strips no other reader") {
  CHECK(store(chain_of(1)));
  auto first = lookup(chain_of(1));
  now += 300'000;
  index.expire(now);
  auto second = lookup(chain_of(1));
  index.close_lease(first.lease);
  index.release(first.lease, std::nullopt, 0, 1, 1);
  CHECK_EQ(index.usage().read_locked_objects, 1);
  CHECK(index.claim(second.lease, 0, 0, 1, full, now));
}

TEST_CASE_FIXTURE(l1_fixture, "a lease ends with the read time limit, a claim does not") {
  CHECK(store(chain_of(2)));
  auto held = lookup(chain_of(2));
  auto claimed = index.claim(held.lease, 0, 0, 1, full, now);
  CHECK_EQ(index.expire(now), 300'000);
  CHECK_FALSE(index.claim(held.lease, 0, 1, 2, full, 300'000));
  CHECK_EQ(index.expire(300'000), never_ms);
  CHECK_EQ(index.evict(UINT64_MAX, SIZE_MAX), object_bytes);
  CHECK_EQ(index.usage().read_locked_objects, 1);
  index.finish_claim(claimed->claim);
  CHECK_EQ(index.evict(UINT64_MAX, SIZE_MAX), object_bytes);
}

TEST_CASE_FIXTURE(l1_fixture, "a reservation ends with the write time limit") {
  auto reserved = reserve(chain_of(2));
  CHECK_FALSE(index.commit(reserved.reservation, 600'000));
  CHECK_EQ(index.usage().used_bytes, 0);
  reserved = reserve(chain_of(2));
  CHECK_EQ(index.expire(599'999), 600'000);
  CHECK_EQ(index.expire(600'000), never_ms);
  CHECK_FALSE(index.commit(reserved.reservation, 600'000));
  CHECK_EQ(index.usage().used_bytes, 0);
}

TEST_CASE_FIXTURE(l1_fixture,
                  "a quarantined reservation frees its keys at once, its buffers later") {
  auto reserved = reserve(chain_of(2));
  index.quarantine(reserved.reservation);
  CHECK_EQ(index.usage().quarantined, 1);
  CHECK(store(chain_of(2)));
  CHECK_EQ(index.usage().used_bytes, 4 * object_bytes);
  SUBCASE("by abort") {
    index.abort(reserved.reservation);
  }
  SUBCASE("by a commit, which is refused") {
    CHECK_FALSE(index.commit(reserved.reservation, now));
  }
  SUBCASE("by the write time limit") {
    index.expire(600'000);
  }
  CHECK_EQ(index.usage().used_bytes, 2 * object_bytes);
  CHECK_EQ(index.usage().quarantined, 0);
  CHECK_EQ(hit(chain_of(2)), 2);
}

TEST_CASE_FIXTURE(l1_fixture, "a forced clear leaves buffers to whoever uses them") {
  CHECK(store(chain_of(2)));
  auto held = lookup(chain_of(1));
  auto claimed = index.claim(held.lease, 0, 0, 1, full, now);
  auto writing = reserve(chain_of(1, 10));
  index.clear(true);
  CHECK_EQ(hit(chain_of(2)), 0);
  CHECK_EQ(index.usage().used_bytes, 2 * object_bytes);
  CHECK(store(chain_of(2)));
  CHECK_FALSE(index.commit(writing.reservation, now));
  index.finish_claim(claimed->claim);
  CHECK_EQ(index.usage().used_bytes, 2 * object_bytes);
  CHECK(index.consistent());
}

TEST_CASE_FIXTURE(l1_fixture, "a clear without force spares what is read or written") {
  CHECK(store(chain_of(3)));
  CHECK_EQ(lookup(chain_of(1)).hit_chunks, 1);
  auto writing = reserve(chain_of(1, 10));
  index.clear(false);
  CHECK_EQ(index.usage().resident_objects, 1);
  CHECK(index.commit(writing.reservation, now));
  CHECK_EQ(hit(chain_of(1, 10)), 1);
}

TEST_CASE_FIXTURE(large, "victims of one request are its last chunks, and a prefix survives") {
  CHECK(store(chain_of(50)));
  CHECK_EQ(hit(chain_of(50)), 50);
  CHECK_EQ(index.evict(UINT64_MAX, 20), 20 * object_bytes);
  CHECK_EQ(hit(chain_of(50)), 30);
  CHECK_EQ(index.usage().columns, 30);
}

TEST_CASE_FIXTURE(l1_fixture, "a reservation evicts the oldest chunks that nobody reads") {
  CHECK(store(chain_of(64)));
  auto held = lookup(chain_of(10));
  CHECK(store(chain_of(20, 100)));
  CHECK_EQ(hit(chain_of(64)), 44);
  CHECK_EQ(hit(chain_of(20, 100)), 20);
  index.close_lease(held.lease);
}

TEST_CASE_FIXTURE(l1_fixture, "a reservation that cannot fit is refused and evicts nothing") {
  CHECK(store(chain_of(64)));
  auto held = lookup(chain_of(10));
  CHECK_EQ(reserve(chain_of(55, 100)).status, code::out_of_memory);
  CHECK_EQ(index.usage().columns, 64);
  CHECK_EQ(reserve(chain_of(54, 100)).status, code::ok);
  index.close_lease(held.lease);
}

TEST_CASE_FIXTURE(l1_fixture, "a store does not evict its own prefix") {
  CHECK(store(chain_of(40)));
  CHECK(store(chain_of(24, 100)));
  CHECK_EQ(reserve(chain_of(64)).status, code::ok);
  CHECK_EQ(hit(chain_of(40)), 40);
  CHECK_EQ(hit(chain_of(24, 100)), 0);
  CHECK_EQ(reserve(chain_of(65)).status, code::out_of_memory);
}

TEST_CASE("a large object finds room among small ones") {
  l1_fixture mixed;
  for (uint32_t i = 0; i < 64; ++i)
    CHECK(mixed.store(chain_of(1, i * 37 % 64)));
  for (uint32_t i = 0; i < 64; i += 2)
    mixed.index.erase(mixed.key(i), false);
  CHECK_EQ(mixed.index.usage().used_bytes, 32 * object_bytes);
  std::vector<group_layout> wide{{-1, 8 * object_bytes, false}};
  CHECK(mixed.store(chain_of(1, 1000), mixed.space, wide));
  CHECK(mixed.index.consistent());
}

TEST_CASE("objects of many sizes never overlap, and fit whenever all that is unread could go") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    std::mt19937_64 random{seed};
    l1_fixture mixed;
    std::map<reservation_id, std::vector<slot>> writing;
    int evicted = 0, refused = 0;
    for (int step = 0; step < 2000; ++step) {
      std::vector<group_layout> groups{{-1, 1 + random() % (6 * object_bytes), false}};
      auto chain
        = chain_of(1 + static_cast<uint32_t>(random() % 8), static_cast<uint32_t>(random() % 200));
      auto columns = mixed.index.usage().columns;
      auto reserved = mixed.index.reserve(mixed.space, chain, 0, groups, step % 2, 0);
      evicted += mixed.index.usage().columns < columns ? 1 : 0;
      refused += reserved.status == code::out_of_memory ? 1 : 0;
      if (reserved.reservation != 0)
        writing[reserved.reservation] = reserved.slots;
      std::map<uint64_t, uint64_t> ranges;
      for (const auto& [id, slots] : writing)
        for (const auto& each : slots)
          ranges[each.offset_bytes] = each.offset_bytes + each.length_bytes;
      uint64_t end = 0;
      for (auto [first, last] : ranges) {
        REQUIRE_GE(first, end);
        end = last;
      }
      REQUIRE_LE(end, 64 * object_bytes);
      if (writing.size() > random() % 6) {
        REQUIRE(mixed.index.commit(writing.begin()->first, 0));
        writing.erase(writing.begin());
      }
      REQUIRE(mixed.index.consistent());
    }
    CHECK_GT(evicted, 100);
    CHECK_GT(refused, 0);
    for (const auto& [id, slots] : writing)
      mixed.index.abort(id);
    std::vector<group_layout> whole{{-1, 64 * object_bytes, false}};
    CHECK(mixed.store(chain_of(1, 1000), mixed.space, whole));
  }
}

TEST_CASE_FIXTURE(l1_fixture, "an unread object of another length is replaced, a read one is not") {
  std::vector<group_layout> longer{{-1, 2 * object_bytes, false}};
  CHECK(store(chain_of(2)));
  auto held = lookup(chain_of(1));
  auto reserved = index.reserve(space, chain_of(2), 0, longer, 0, now);
  REQUIRE_EQ(reserved.slots.size(), 1);
  CHECK_EQ(reserved.slots[0].chunk, 1);
  CHECK(index.commit(reserved.reservation, now));
  index.close_lease(held.lease);
  CHECK(store(chain_of(2), space, longer));
  CHECK_EQ(hit(chain_of(2), longer), 2);
  CHECK_EQ(index.usage().used_bytes, 4 * object_bytes);
}

TEST_CASE_FIXTURE(l1_fixture, "keys that a batch names twice are reserved once") {
  auto chain = chain_of(2);
  chain.push_back(chain[0]);
  auto reserved = reserve(chain);
  CHECK_EQ(reserved.slots.size(), 2);
  CHECK(index.commit(reserved.reservation, now));
  CHECK_EQ(index.usage().used_bytes, 2 * object_bytes);
}

TEST_CASE_FIXTURE(l1_fixture,
                  "claims refuse ranges, ranks and groups that the lease does not hold") {
  CHECK(store(chain_of(4)));
  auto held = lookup(chain_of(4));
  CHECK_FALSE(index.claim(held.lease, 1, 0, 4, full, now));
  CHECK_FALSE(index.claim(held.lease, 0, 0, 5, full, now));
  CHECK_FALSE(index.claim(held.lease, 0, 3, 2, full, now));
  std::vector<group_layout> two{full[0], full[0]};
  CHECK_FALSE(index.claim(held.lease, 0, 0, 4, two, now));
  std::vector<group_layout> longer{{-1, object_bytes + 1, false}};
  CHECK_FALSE(index.claim(held.lease, 0, 0, 4, longer, now));
  auto claimed = index.claim(held.lease, 0, 1, 3, full, now);
  REQUIRE(claimed);
  CHECK_EQ(claimed->slots.size(), 2);
  CHECK_EQ(claimed->slots[0].chunk, 0);
  CHECK_FALSE(index.claim(held.lease, 0, 0, 4, full, now));
  CHECK(index.claim(held.lease, 0, 3, 4, full, now));
}

TEST_CASE_FIXTURE(l1_fixture, "single objects are deleted by their full name") {
  CHECK(store(chain_of(2)));
  using deletion = l1_index::deletion;
  CHECK_EQ(lookup(chain_of(1)).hit_chunks, 1);
  CHECK_EQ(index.erase(key(0), false), deletion::locked);
  CHECK_EQ(index.erase(key(1), false), deletion::deleted);
  CHECK_EQ(index.erase(key(1), false), deletion::absent);
  auto other = key(0);
  other.kv_rank = 0x01000101; // no position that is ever stored
  CHECK_EQ(index.erase(other, true), deletion::absent);
  other = key(0);
  other.object_group_id = 65536;
  CHECK_EQ(index.erase(other, true), deletion::absent);
  CHECK_EQ(index.erase(key(0), true), deletion::deleted);
  CHECK_EQ(index.usage().used_bytes, object_bytes);
  auto reserved = reserve(chain_of(1, 7));
  CHECK_EQ(index.erase(key(7), false), deletion::locked);
  CHECK_EQ(index.erase(key(7), true), deletion::deleted);
  CHECK_FALSE(index.commit(reserved.reservation, now));
}

TEST_CASE_FIXTURE(l1_fixture, "changes name chunks that came and went, in order of the prompt") {
  CHECK(store(chain_of(1, 50)));
  index.record_changes(true);
  CHECK(store(chain_of(2)));
  index.evict(object_bytes, 1);
  auto changes = index.drain_changes();
  CHECK_EQ(changes.size(), 3);
  CHECK((changes[0] == chunk_change{space, hash_of(0), true}));
  CHECK((changes[1] == chunk_change{space, hash_of(1), true}));
  CHECK((changes[2] == chunk_change{space, hash_of(50), false}));
  CHECK(index.drain_changes().empty());
}

TEST_CASE_FIXTURE(l1_fixture, "without eviction a full pool stays full") {
  l1_fixture buffer{4, eviction_kind::noop};
  CHECK(buffer.store(chain_of(4)));
  CHECK_EQ(buffer.index.evictable_bytes(), 0);
  CHECK_EQ(buffer.reserve(chain_of(1, 9)).status, code::out_of_memory);
  CHECK_EQ(buffer.index.evict(UINT64_MAX, SIZE_MAX), 0);
}

TEST_CASE("isolated eviction without a salt takes from the salt that holds most") {
  l1_fixture isolated{30, eviction_kind::isolated_lru};
  auto other = isolated.index.intern({"model", 1, "other"});
  CHECK(isolated.store(chain_of(8)));
  CHECK(isolated.store(chain_of(22, 100), other, isolated.full));
  CHECK_EQ(isolated.index.evict(10 * object_bytes, SIZE_MAX), 10 * object_bytes);
  CHECK((isolated.index.bytes_by_salt()
         == std::vector<std::pair<std::string, uint64_t>>{{"", 8 * object_bytes},
                                                          {"other", 12 * object_bytes}}));
  CHECK_EQ(isolated.index.evict(UINT64_MAX, 8), 8 * object_bytes);
  CHECK((isolated.index.bytes_by_salt()
         == std::vector<std::pair<std::string, uint64_t>>{{"", 6 * object_bytes},
                                                          {"other", 6 * object_bytes}}));
  auto salt = isolated.index.find_salt("other");
  CHECK_EQ(isolated.index.evict(UINT64_MAX, SIZE_MAX, salt), 6 * object_bytes);
  CHECK_EQ(isolated.index.usage().columns, 6);
}

TEST_CASE_FIXTURE(l1_fixture, "names from outside do not grow the index") {
  CHECK(store(chain_of(1)));
  space_id id = 0;
  for (uint32_t i = 0; i < 5000; ++i) {
    id = index.intern({"model" + std::to_string(i), 1, "salt" + std::to_string(i)});
    CHECK_FALSE(index.find({"absent", 1, ""}));
  }
  CHECK(index.find_salt("salt4999"));
  CHECK_FALSE(index.find_salt("salt3000"));
  CHECK_EQ(index.space(space).model_name, "model");
  CHECK_EQ(hit(chain_of(1)), 1);
  CHECK_EQ(index.reserve(id - 3000, chain_of(1), 0, full, 0, now).status, code::out_of_memory);
  CHECK_EQ(index.lookup(id - 3000, chain_of(1), full, 1, now).hit_chunks, 0);
}

TEST_CASE_FIXTURE(l1_fixture, "spaces whose chunks are gone are forgotten in time") {
  std::optional<space_id> first;
  for (uint32_t i = 0; i < 3000; ++i) {
    auto id = index.intern({std::to_string(i), 1, ""});
    first = first.value_or(id);
    REQUIRE(store(chain_of(1), id, full)); // 64 fit: the others were evicted
  }
  CHECK_FALSE(index.find({"0", 1, ""}));
  CHECK(index.find({"2900", 1, ""}));
  CHECK_EQ(index.lookup(*first, chain_of(1), full, 1, now).hit_chunks, 0);
}

TEST_CASE_FIXTURE(l1_fixture, "a space whose last chunk went still has its name for the change") {
  index.record_changes(true);
  auto other = index.intern({"other", 1, ""});
  CHECK(store(chain_of(1), other, full));
  index.clear(true);
  for (uint32_t i = 0; i < 3000; ++i)
    index.intern({std::to_string(i), 1, ""});
  auto changes = index.drain_changes();
  CHECK_EQ(index.space(changes.back().space).model_name, "other");
}

TEST_CASE("capacity that is not yet backed is not handed out") {
  l1_index index{{10 * object_bytes + 5, object_bytes},
                 make_eviction_policy(eviction_kind::lru, 0)};
  auto space = index.intern({"model", 1, ""});
  std::vector<group_layout> full{{-1, object_bytes, false}};
  CHECK_EQ(index.reserve(space, chain_of(1), 0, full, 0, 0).status, code::out_of_memory);
  index.grow(10 * object_bytes);
  CHECK_EQ(index.usage().configured_bytes, 10 * object_bytes);
  CHECK_EQ(index.reserve(space, chain_of(10), 0, full, 0, 0).status, code::ok);
  CHECK_EQ(index.reserve(space, chain_of(1, 20), 0, full, 0, 0).status, code::out_of_memory);
}
