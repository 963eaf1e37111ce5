#include "actors/trace/replayer.hpp"

#include "tests/fixtures/temporary_folder.hpp"
#include "tests/observability/trace/lct.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace actord;
using namespace actord::test;
using actord::fixtures::temporary_folder;

namespace {

constexpr uint64_t object_bytes = 4096;

trace::key_list
keys_of_chunks(uint32_t first, uint32_t end, uint32_t rank = 0, uint32_t world = 1) {
  const auto space = std::make_shared<const key_space>(key_space{"m", world, ""});
  trace::key_list result;
  for (auto i = first; i < end; ++i) {
    object_ref key;
    key.space = space;
    key.hash.bytes[0] = static_cast<uint8_t>(i);
    key.hash.bytes[1] = static_cast<uint8_t>(i >> 8);
    key.hash.bytes[9] = 1;
    key.kv_rank = pack_kv_rank(world, rank);
    result.push_back(key);
  }
  return result;
}

trace::submit_prefetch_call lookup_of(const trace::key_list& keys) {
  trace::submit_prefetch_call result;
  result.groups = {{keys, 0, trace::layout_of(object_bytes), -1}};
  return result;
}

struct replay_fixture {
  replay_fixture() {
    options.l1.size_bytes = 64 * object_bytes;
    options.l1.eviction.policy = "LRU";
    options.l1.read_ttl_ms = 300'000;
    options.l1.write_ttl_ms = 600'000;
  }

  void begin() {
    world.emplace(options);
    uut.emplace(*world, 7);
  }
  void store(const trace::key_list& keys) {
    CHECK(uut->replay(trace::reserve_write_call{keys, trace::layout_of(object_bytes)}).fault == "");
    CHECK(uut->replay(trace::finish_write_call{keys}).fault == "");
    world->settle();
  }
  uint64_t hits(const trace::key_list& keys) {
    const auto result = uut->replay(lookup_of(keys));
    CHECK(result.fault == "");
    return result.hits;
  }
  void read(const trace::key_list& keys) {
    CHECK(uut->replay(trace::read_enter_call{keys}).fault == "");
    CHECK(uut->replay(trace::read_exit_call{keys}).fault == "");
    CHECK(uut->replay(trace::finish_read_call{keys, 1}).fault == "");
  }
  l1_usage usage() {
    return world->ask<l1_status>(world->l1(), atom::status_v)->usage;
  }

  daemon_options options;
  std::optional<replay_world> world;
  std::optional<replayer> uut;
};

} // namespace

TEST_CASE_FIXTURE(replay_fixture, "every call of a file of LMCache 0.5.6 is replayed") {
  options.l1.size_bytes = 256 << 20;
  begin();
  std::vector<uint64_t> found;
  for (const auto& record : read_lct(sample_lct()).records) {
    const auto call = trace::to_call(record);
    REQUIRE(std::holds_alternative<trace::call>(call));
    world->advance_to(record.t_mono);
    const auto result = uut->replay(std::get<trace::call>(call));
    CHECK(result.fault == "");
    if (result.wanted > 0)
      found.push_back(result.hits);
  }
  CHECK(found == std::vector<uint64_t>{2}); // of three
  CHECK(usage().resident_objects == 2);
  CHECK(usage().claims == 0);
  uut->finish();
  CHECK(usage().leases == 0);
}

TEST_CASE_FIXTURE(replay_fixture,
                  "what is stored is found, held while it is read, and free again") {
  begin();
  const auto keys = keys_of_chunks(0, 4);
  CHECK(hits(keys) == 0);
  store(keys);
  CHECK(hits(keys_of_chunks(0, 6)) == 4);
  CHECK(usage().leases == 1);
  CHECK(uut->replay(trace::read_enter_call{keys}).fault == "");
  CHECK(usage().claims == 1);
  CHECK(uut->replay(trace::read_exit_call{keys}).fault == "");
  CHECK(usage().claims == 1); // its locks go with finish_read_prefetched
  CHECK(uut->replay(trace::finish_read_call{keys, 1}).fault == "");
  CHECK(usage().claims == 0);
  CHECK(usage().leases == 0); // nothing of it is left to be asked for
  CHECK(usage().read_locked_objects == 0);
}

TEST_CASE_FIXTURE(replay_fixture, "shares that are given back unread are free") {
  begin();
  const auto keys = keys_of_chunks(0, 4);
  store(keys);
  CHECK(hits(keys) == 4);
  CHECK(uut->replay(trace::finish_read_call{keys, 1}).fault == "");
  CHECK(usage().read_locked_objects == 0);
}

TEST_CASE_FIXTURE(replay_fixture, "each reader has a share of its own") {
  begin();
  const auto keys = keys_of_chunks(0, 4);
  store(keys);
  auto lookup = lookup_of(keys);
  lookup.kv_readers = 2;
  CHECK(uut->replay(lookup).hits == 4);
  read(keys);
  CHECK(usage().read_locked_objects == 4); // for the other one
  read(keys);
  CHECK(usage().read_locked_objects == 0);
}

TEST_CASE_FIXTURE(replay_fixture, "objects of all ranks make a hit") {
  begin();
  for (uint32_t rank = 0; rank < 2; ++rank)
    store(keys_of_chunks(0, 3, rank, 2));
  auto both = keys_of_chunks(0, 3, 0, 2);
  for (const auto& key : keys_of_chunks(0, 3, 1, 2))
    both.push_back(key);
  CHECK(hits(both) == 3);
  read(keys_of_chunks(0, 3, 1, 2));
  read(keys_of_chunks(0, 3, 0, 2));
  CHECK(usage().leases == 0);
}

TEST_CASE_FIXTURE(replay_fixture,
                  "a lookup that nobody reads lets go after the read TTL of the trace") {
  begin();
  store(keys_of_chunks(0, 4));
  CHECK(hits(keys_of_chunks(0, 4)) == 4);
  world->advance_to(299);
  CHECK(usage().read_locked_objects == 4);
  world->advance_to(302);
  CHECK(usage().read_locked_objects == 0);
}

TEST_CASE_FIXTURE(replay_fixture, "calls that make no sense fail and harm nothing") {
  begin();
  auto keys = keys_of_chunks(0, 2);
  CHECK(uut->replay(trace::reserve_write_call{keys, {}}).fault != "");
  keys[0].kv_rank = 0;
  CHECK(uut->replay(trace::reserve_write_call{keys, trace::layout_of(1)}).fault != "");
  CHECK(uut->replay(trace::read_enter_call{keys}).fault != "");
  keys[0].kv_rank = pack_kv_rank(1, 0);
  keys[0].object_group_id = 1000;
  CHECK(uut->replay(lookup_of(keys)).fault != "");
  const auto good = keys_of_chunks(0, 2);
  CHECK(uut->replay(trace::finish_write_call{good}).fault == ""); // nothing was reserved
  CHECK(uut->replay(trace::read_exit_call{good}).fault == "");    // nothing was entered
  CHECK(uut->replay(trace::finish_read_call{good, 1}).fault == "");
  CHECK(hits(trace::key_list{}) == 0);
  CHECK(usage().resident_objects == 0);
}

TEST_CASE_FIXTURE(replay_fixture, "stores behind L1 bring back what it lost, with the same bytes") {
  temporary_folder folder;
  l2_adapter_options adapter;
  adapter.type = "fs";
  fs_l2_options fs;
  fs.base_path = folder.path().string();
  adapter.store = fs;
  options.l2.adapters.push_back(adapter);
  begin();
  const auto keys = keys_of_chunks(0, 8);
  store(keys);
  world->ask<caf::ok_atom>(world->l1(), atom::clear_v, true);
  CHECK(usage().resident_objects == 0);
  CHECK(hits(keys) == 8);
  CHECK(usage().resident_objects == 8);
  read(keys);
}

TEST_CASE_FIXTURE(replay_fixture,
                  "two replays of the same calls find the same, though much is evicted") {
  const auto one_run = [this] {
    begin();
    std::vector<uint64_t> found;
    std::mt19937 random{42};
    for (int i = 0; i < 400; ++i) {
      const auto first = random() % 20 * 10;
      const auto keys = keys_of_chunks(static_cast<uint32_t>(first),
                                       static_cast<uint32_t>(first + 1 + random() % 10));
      world->advance_to(i * 0.7);
      const auto hit = hits(keys);
      found.push_back(hit);
      found.push_back(usage().used_bytes);
      if (hit > 0)
        read({keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(hit)});
      store(keys);
    }
    uut->finish();
    uut.reset();
    world.reset();
    return found;
  };
  const auto first = one_run();
  CHECK(first == one_run());
  CHECK(std::ranges::count(first, 0) > 10); // much was lost meanwhile
}
