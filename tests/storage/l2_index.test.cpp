#include "storage/l2_index.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

using namespace actord;

namespace {

constexpr uint64_t object_bytes = 4096;

std::shared_ptr<const key_space> space_of(const char* model, const char* salt = "") {
  return std::make_shared<const key_space>(key_space{model, 1, salt});
}

/// `count` chunks of one prompt, head to tail.
std::vector<object_ref>
prompt(const std::shared_ptr<const key_space>& space, uint8_t number, uint8_t count) {
  std::vector<object_ref> result;
  for (uint8_t chunk = 0; chunk < count; ++chunk)
    result.push_back({space, {{number, chunk}}, pack_kv_rank(1, 0), 0, object_bytes});
  return result;
}

void store(l2_index& index, std::span<const object_ref> refs) {
  auto answers = index.begin_store(refs);
  for (size_t i = 0; i < refs.size(); ++i) {
    REQUIRE_EQ(answers[i], store_start::write);
    REQUIRE_EQ(index.stored(refs[i], refs[i].length_bytes), store_end::kept);
  }
}

/// The (prompt, chunk) numbers of refs.
std::vector<std::pair<int, int>> numbers(const std::vector<object_ref>& refs) {
  std::vector<std::pair<int, int>> result;
  for (const auto& ref : refs)
    result.emplace_back(ref.hash.bytes[0], ref.hash.bytes[1]);
  return result;
}

using victims = std::vector<std::pair<int, int>>;

} // namespace

TEST_CASE("a found object has the wanted length or is longer by less than an alignment") {
  l2_index index{{0, 512}};
  auto one = prompt(space_of("m"), 1, 1);
  store(index, one);
  auto found_for = [&](uint64_t wanted) {
    one[0].length_bytes = wanted;
    return index.lock(one)[0].has_value();
  };
  CHECK(found_for(4096));
  CHECK(found_for(4096 - 511));
  CHECK(found_for(0));
  CHECK_EQ(index.usage().wrong_length, 0);
  CHECK_FALSE(found_for(4096 - 512));
  CHECK_EQ(index.usage().wrong_length, 1);
  CHECK_FALSE(found_for(4097));
  CHECK_EQ(index.usage().wrong_length, 1);
  CHECK_EQ(index.usage().too_short, 1);
  for (int held = 3; held > 0; --held) {
    CHECK_EQ(index.plan_erase(one[0]), erase_start::locked);
    index.unlock(one);
  }
  CHECK_EQ(index.plan_erase(one[0]), erase_start::erase);
}

TEST_CASE("locks outlive an object that is gone, and protect none that comes after it twice") {
  l2_index index{{}};
  auto one = prompt(space_of("m"), 1, 1);
  store(index, one);
  index.lock(one);
  CHECK_EQ(index.gone(one[0]), object_bytes);
  CHECK_EQ(index.usage().used_bytes, 0);
  CHECK_FALSE(index.lock(one)[0]);
  store(index, one);
  index.lock(one); // another task
  index.unlock(one);
  CHECK_EQ(index.plan_erase(one[0]), erase_start::locked);
  index.unlock(one);
  CHECK_EQ(index.plan_erase(one[0]), erase_start::erase);
}

TEST_CASE("an object erased while it is written is deleted when it has been written") {
  l2_index index{{}};
  auto one = prompt(space_of("m"), 1, 1);
  CHECK_EQ(index.begin_store(one[0]), store_start::write);
  CHECK_EQ(index.begin_store(one[0]), store_start::busy);
  CHECK_EQ(index.plan_erase(one[0]), erase_start::cancelled);
  CHECK_EQ(index.stored(one[0], object_bytes), store_end::erase);
  CHECK_FALSE(index.find(one[0]));
  CHECK_EQ(index.begin_store(one[0]), store_start::busy);
  CHECK_EQ(index.usage().used_bytes, object_bytes); // until it is gone
  CHECK_EQ(index.erased(one[0]), object_bytes);
  CHECK_EQ(index.usage().used_bytes, 0);
  CHECK_EQ(index.begin_store(one[0]), store_start::write);
}

TEST_CASE("an object of another length gives way to the one that is stored") {
  l2_index index{{0, 512}};
  auto one = prompt(space_of("m"), 1, 1);
  store(index, one);
  CHECK_EQ(index.begin_store(one[0]), store_start::present);
  index.lock(one);
  one[0].length_bytes = 9000;
  CHECK_EQ(index.begin_store(one[0]), store_start::busy);
  index.unlock(one);
  CHECK_EQ(index.begin_store(one[0]), store_start::replace);
  CHECK_FALSE(index.find(one[0]));
  CHECK_EQ(index.stored(one[0], 9000), store_end::kept);
  CHECK_EQ(index.find(one[0]), 9000);
  CHECK_EQ(index.usage().used_bytes, 9000);
}

TEST_CASE("tails go before their heads, whatever order their writes end in") {
  l2_index index{{0, 4096, eviction_kind::lru}};
  auto space = space_of("m");
  auto old = prompt(space, 1, 3), young = prompt(space, 2, 3);
  index.begin_store(old);
  index.begin_store(young);
  for (auto* each : {&young[0], &old[2], &young[2], &old[0], &old[1], &young[1]})
    index.stored(*each, object_bytes);
  CHECK_EQ(numbers(index.plan_evict(UINT64_MAX, 4)), victims{{1, 2}, {1, 1}, {1, 0}, {2, 2}});
  CHECK_EQ(numbers(index.plan_evict(UINT64_MAX, 1)), victims{{2, 1}});

  l2_index touched{{0, 4096, eviction_kind::lru}};
  store(touched, old);
  store(touched, young);
  touched.touch(old);
  CHECK_EQ(numbers(touched.plan_evict(4 * object_bytes, SIZE_MAX)),
           victims{{2, 2}, {2, 1}, {2, 0}, {1, 2}});
}

TEST_CASE("what a scan finds is older than what it finds later, and never known better") {
  l2_index index{{0, 4096, eviction_kind::lru}};
  auto found = prompt(space_of("m"), 1, 3);
  store(index, {&found[1], 1});
  for (auto& each : found)
    each.length_bytes = 100;
  CHECK_EQ(index.learned(found), 2);
  CHECK_EQ(index.find(found[1]), object_bytes);
  CHECK_EQ(index.find(found[2]), 100);
  CHECK_EQ(numbers(index.plan_evict(UINT64_MAX, SIZE_MAX)), victims{{1, 1}, {1, 0}, {1, 2}});
}

TEST_CASE("isolated eviction takes from one salt, or from the largest") {
  l2_index index{{0, 4096, eviction_kind::isolated_lru}};
  store(index, prompt(space_of("m", "small"), 1, 2));
  store(index, prompt(space_of("m", "large"), 2, 5));
  CHECK_EQ(numbers(index.plan_evict(2 * object_bytes, SIZE_MAX)), victims{{2, 4}, {2, 3}});
  CHECK_EQ(numbers(index.plan_evict(1, SIZE_MAX, index.find_salt("small"))), victims{{1, 1}});
  CHECK_FALSE(index.find_salt("nobody"));
}

TEST_CASE("every policy plans only what may go, and all of it") {
  for (auto kind : {eviction_kind::lru, eviction_kind::arc, eviction_kind::mq,
                    eviction_kind::isolated_lru, eviction_kind::noop}) {
    CAPTURE(to_string(kind));
    l2_index index{{0, 4096, kind}};
    auto refs = prompt(space_of("m"), 1, 40);
    std::mt19937_64 random{7};
    for (int round = 0; round < 300; ++round) {
      auto ref = refs[random() % refs.size()];
      if (index.begin_store(ref) == store_start::write && random() % 8 > 0)
        index.stored(ref, object_bytes);
      index.touch({&refs[random() % refs.size()], 1});
      auto& held = refs[random() % refs.size()];
      index.lock({&held, 1});
      auto evictable = index.usage().evictable_objects;
      auto planned = index.plan_evict(UINT64_MAX, random() % 3 == 0 ? SIZE_MAX : 2);
      CHECK_LE(planned.size(), evictable);
      for (const auto& each : planned) {
        CHECK_NE(each.hash, held.hash);
        if (random() % 3 == 0)
          index.erase_failed(each);
        else
          CHECK_EQ(index.erased(each), object_bytes);
      }
      index.unlock({&held, 1});
      index.store_failed(ref);
      REQUIRE(index.consistent());
    }
    index.plan_evict(UINT64_MAX, SIZE_MAX);
    CHECK_EQ(index.usage().evictable_objects, 0);
    CHECK_EQ(index.usage().going_objects > 0, kind != eviction_kind::noop);
  }
}

TEST_CASE("a full index refuses objects and says how many") {
  l2_index::config cfg;
  cfg.max_objects = 2;
  l2_index index{cfg};
  auto three = prompt(space_of("m"), 1, 3);
  CHECK_EQ(index.begin_store(three),
           std::vector{store_start::full, store_start::write, store_start::write});
  CHECK_EQ(index.learned(three), 0);
  CHECK_EQ(index.usage().full, 2);
}

TEST_CASE("usage is a fraction of the capacity, -1 when that is unknown") {
  l2_index known{{4 * object_bytes}}, unknown{{}};
  store(known, prompt(space_of("m"), 1, 3));
  CHECK_EQ(known.usage().fraction(), 0.75);
  CHECK_EQ(unknown.usage().fraction(), -1.0);
}

TEST_CASE("a name is its five fields, whatever world its space says") {
  l2_index index{{}};
  auto one = prompt(space_of("m"), 1, 1);
  store(index, one);
  auto same = one[0];
  same.space = std::make_shared<const key_space>(key_space{"m", 9, ""});
  CHECK_EQ(index.begin_store(same), store_start::present);
  CHECK_EQ(index.find(same), object_bytes);
  same.kv_rank = pack_kv_rank(9, 0);
  CHECK_FALSE(index.find(same));
}

TEST_CASE("names cannot fill the index with spaces that hold nothing") {
  l2_index index{{}};
  for (int i = 0; i < 5000; ++i) {
    auto ref = prompt(space_of("m", std::to_string(i).c_str()), 1, 1)[0];
    index.lock({&ref, 1});
    index.begin_store(ref);
    index.store_failed(ref);
  }
  CHECK_LE(index.table_bytes(), 2'000'000);
  CHECK(index.consistent());
}

TEST_CASE("a cursor that is none is told from an end") {
  l2_index index{{}};
  store(index, prompt(space_of("m"), 1, 3));
  for (const auto* wrong : {"x", "1", ".", "1.", ".1", "1.g", "1.1.1", "-1.1", "1ffffffff.1",
                            "1.1ffffffffffffffff", " 1.1"})
    CHECK_FALSE(index.list(1, wrong));
  auto beyond = index.list(10, "ffffffff.ffffffffffffffff");
  REQUIRE(beyond);
  CHECK(beyond->objects.empty());
  CHECK(beyond->next.empty());
}

TEST_CASE("a listing does not repeat a name that left and came back") {
  l2_index index{{}};
  auto refs = prompt(space_of("m"), 1, 3);
  store(index, refs);
  auto first = index.list(1);
  REQUIRE_EQ(first->objects.size(), 1);
  // The record of the listed object goes last and is taken last.
  auto again = first->objects[0];
  CHECK(index.gone(again));
  store(index, prompt(space_of("n"), 2, 1));
  store(index, {&again, 1});
  auto rest = index.list(10, first->next);
  CHECK_EQ(rest->objects.size(), 2);
  for (const auto& each : rest->objects)
    CHECK_NE(to_key(each), to_key(again));
}
