#include "actors/transfer/lmcache_driven.hpp"

#include "tests/fixtures/transfers.hpp"
#include "tests/gpu/paged_memory.hpp"
#include "tests/gpu/shm_segment.hpp"

#include <algorithm>
#include <cstring>

using namespace actord;
using namespace actord::test;
using gpu::test::describe;
using gpu::test::shm_segment;

namespace {

constexpr int64_t worker = 11;

using ranges = std::vector<std::pair<uint64_t, uint64_t>>;

// One layer [2, blocks, 4, 4, 8] of float16, a block of four tokens: a chunk is one block of K and
// one of V.
constexpr size_t blocks = 8;
constexpr size_t block_bytes = 4 * 4 * 8 * 2;
constexpr uint64_t chunk_bytes = 2 * block_bytes;

copier_actor::behavior_type noting_copier(copier_actor::pointer, std::shared_ptr<ranges> log) {
  return {
    [log](atom::run, const boxed<copy_work>& work, uint64_t first, uint64_t last) {
      log->emplace_back(first, last);
      work->run(first, last);
      return caf::ok_atom_v;
    },
  };
}

struct fixture : transfer_fixture {
  fixture() : fixture(16, chunk_bytes, 4, 2 * blocks * block_bytes) {
    open(registration({2, blocks, 4, 4, 8}));
  }
  fixture(uint64_t units, uint64_t bytes_of_chunk, uint32_t tokens, size_t segment_bytes)
    : transfer_fixture(units, bytes_of_chunk), segment(segment_bytes) {
    lmcache_driven_options options;
    options.chunk_tokens = tokens;
    uut = start(lmcache_driven, options, pool, sessions, l1,
                std::vector{start(noting_copier, first), start(noting_copier, second)});
    settle();
    for (size_t i = 0; i < segment.bytes; ++i)
      segment.data[i] = static_cast<std::byte>(i * 7 + i / 251);
  }

  wire::register_kv_cache registration(std::vector<int64_t> shape) const {
    wire::register_kv_cache result;
    result.instance_id = worker;
    result.kv_cache = {segment.place(describe(std::move(shape)))};
    result.model_name = "model";
    result.engine_type = "vllm";
    return result;
  }
  void open(const wire::register_kv_cache& request) {
    ask<caf::ok_atom>(uut, atom::open_v, box(request));
  }
  std::string open_refusal(const wire::register_kv_cache& request) {
    return refusal<caf::ok_atom>(uut, atom::open_v, box(request));
  }
  wire::cache_key key(const chain_ptr& chain) const {
    return *key_of_chunks(static_cast<uint32_t>(chain->size()));
  }
  boxed<wire::store>
  store_of(const chain_ptr& chain, std::vector<int64_t> ids, int64_t id = worker) const {
    return box(wire::store{key(chain), id, {std::move(ids)}, ""});
  }
  boxed<wire::retrieve> retrieve_of(const chain_ptr& chain, std::vector<int64_t> ids,
                                    int64_t id = worker, int64_t skip = 0) const {
    return box(wire::retrieve{key(chain), id, {std::move(ids)}, "", skip});
  }
  bool store_blocks(const chain_ptr& chain, std::vector<int64_t> ids) {
    return ask<bool>(uut, atom::store_v, store_of(chain, std::move(ids)), whole(chain));
  }
  bool retrieve_blocks(const chain_ptr& chain, std::vector<int64_t> ids, int64_t skip = 0) {
    return ask<bool>(uut, atom::retrieve_v, retrieve_of(chain, std::move(ids), worker, skip),
                     whole(chain, lookup(chain).lease));
  }
  // K and V of a block.
  std::string content(size_t block) const {
    const auto* k = reinterpret_cast<const char*>(segment.data) + block * block_bytes;
    return std::string(k, block_bytes) + std::string(k + blocks * block_bytes, block_bytes);
  }
  void check_idle() {
    CHECK_EQ(usage().reservations, 0u);
    CHECK_EQ(usage().claims, 0u);
    CHECK_EQ(usage().read_locked_objects, 0u);
  }

  std::shared_ptr<ranges> first = std::make_shared<ranges>(), second = std::make_shared<ranges>();
  shm_segment segment;
  lmcache_driven_actor uut;
};

// Chunks of 4 MiB: [2, 5, 16, 256, 256] of float16, a block of 256 tokens.
struct large_fixture : fixture {
  large_fixture() : fixture(2048, 4 << 20, 256, 20 << 20) {
    open(registration({2, 5, 16, 256, 256}));
  }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "what an engine stored comes back into other blocks") {
  auto chain = shared_chain(2);
  const auto before0 = content(1), before1 = content(2), untouched = content(3);
  CHECK(store_blocks(chain, {1, 2}));
  CHECK_EQ(lookup(chain).hit_chunks, 2u);
  pass(301s); // that lease
  CHECK(retrieve_blocks(chain, {5, 6}));
  CHECK_EQ(content(5), before0);
  CHECK_EQ(content(6), before1);
  CHECK_EQ(content(3), untouched);
  check_idle();
  CHECK(first->empty()); // small copies wake no copier
}

TEST_CASE_FIXTURE(fixture, "the first tokens of a retrieve can be skipped") {
  auto chain = shared_chain(2);
  CHECK(store_blocks(chain, {1, 2}));
  const auto untouched = content(5);
  CHECK(retrieve_blocks(chain, {5, 6}, 4));
  CHECK_EQ(content(5), untouched);
  CHECK_EQ(content(6), content(2));
}

TEST_CASE_FIXTURE(fixture, "a store of what is there already is good and writes nothing") {
  auto chain = shared_chain(1);
  CHECK(store_blocks(chain, {1}));
  CHECK(store_blocks(chain, {2}));
  CHECK(retrieve_blocks(chain, {5}));
  CHECK_EQ(content(5), content(1));
}

TEST_CASE_FIXTURE(fixture, "a chunk of null blocks is left out, and the store is good") {
  auto chain = shared_chain(3);
  CHECK(store_blocks(chain, {1, 2, 0}));
  CHECK_EQ(lookup(chain).hit_chunks, 2u);
  CHECK_EQ(usage().resident_objects, 2u);
}

TEST_CASE_FIXTURE(fixture, "block lists that do not fit are refused and nothing is reserved") {
  auto chain = shared_chain(2);
  auto refused = [&](std::vector<int64_t> ids, const char* why) {
    auto text = refusal<bool>(uut, atom::store_v, store_of(chain, std::move(ids)), whole(chain));
    check_says(text, why);
    CHECK_EQ(usage().used_bytes, 0u);
    check_idle();
  };
  refused({1}, "has 1 entries");
  refused({}, "has 0 entries");
  refused({1, 8}, "names block 8");
  refused({1, -1}, "names block -1");
  auto none = box(wire::store{key(chain), worker, {}, ""});
  auto text = refusal<bool>(uut, atom::store_v, none, whole(chain));
  check_says(text, "0 block lists");
}

TEST_CASE_FIXTURE(fixture, "a retrieve that is refused gives the worker's share back") {
  auto chain = shared_chain(2);
  CHECK(store_blocks(chain, {1, 2}));
  auto lease = lookup(chain).lease;
  refusal<bool>(uut, atom::retrieve_v, retrieve_of(chain, {5}), whole(chain, lease));
  check_idle();
  lease = lookup(chain).lease;
  auto text
    = refusal<bool>(uut, atom::retrieve_v, retrieve_of(chain, {5, 6}, 404), whole(chain, lease));
  check_says(text, "instance 404 is not registered");
  check_idle();
}

TEST_CASE_FIXTURE(fixture, "a retrieve without a lease is false and touches nothing") {
  auto chain = shared_chain(1);
  CHECK(store_blocks(chain, {1}));
  const auto untouched = content(5);
  CHECK_FALSE(ask<bool>(uut, atom::retrieve_v, retrieve_of(chain, {5}), whole(chain, 0)));
  CHECK_EQ(content(5), untouched);
}

TEST_CASE_FIXTURE(fixture, "a stranger stores nothing") {
  auto chain = shared_chain(1);
  refusal<bool>(uut, atom::store_v, store_of(chain, {1}, 404), whole(chain));
  CHECK_EQ(usage().used_bytes, 0u);
}

TEST_CASE_FIXTURE(fixture, "a store that finds no memory is false") {
  auto full = shared_chain(16);
  auto held = reserve(full);
  REQUIRE(commit(held.reservation, full));
  lookup(full);
  CHECK_FALSE(store_blocks(shared_chain(1, 100), {1}));
}

TEST_CASE_FIXTURE(fixture, "a worker's model is known while it is registered") {
  REQUIRE_NE(layouts(), nullptr);
  CHECK_EQ((*layouts())[0].object_bytes, chunk_bytes);
  ask<caf::ok_atom>(uut, atom::close_v, worker);
  CHECK_EQ(layouts(), nullptr);
  CHECK(ask<transfer_status>(uut, atom::status_v).instances.empty());
  ask<caf::ok_atom>(uut, atom::close_v, worker);
}

TEST_CASE_FIXTURE(fixture, "a registration that cannot be is refused with the reason") {
  auto other = registration({2, blocks, 4, 4, 4}); // smaller heads
  check_says(open_refusal(other), "another layout");
  other = registration({2, blocks, 8, 4, 4}); // as many bytes, other heads
  check_says(open_refusal(other), "another layout");
  other = registration({2, blocks, 4, 4, 8});
  other.instance_id = 12;
  other.kv_cache[0].shm_name = "/etc/passwd";
  check_says(open_refusal(other), "/lmcache_kv_");
  other.kv_cache[0].shm_name = segment.name + "_missing";
  CHECK_FALSE(open_refusal(other).empty());
  CHECK_EQ(ask<transfer_status>(uut, atom::status_v).instances.size(), 1u);
}

TEST_CASE_FIXTURE(fixture, "an engine that registers again may have moved its memory") {
  open(registration({2, blocks, 4, 4, 8}));
  CHECK_EQ((*layouts())[0].object_bytes, chunk_bytes);
  shm_segment moved{segment.bytes, "/lmcache_kv_2"};
  auto again = registration({2, blocks, 4, 4, 8});
  again.kv_cache = {moved.place(describe({2, blocks, 4, 4, 8}))};
  open(again);
  std::fill_n(moved.data, moved.bytes, std::byte{'m'});
  auto chain = shared_chain(1);
  CHECK(store_blocks(chain, {1}));
  CHECK(retrieve_blocks(chain, {5}));
  std::fill_n(moved.data, moved.bytes, std::byte{0});
  CHECK(retrieve_blocks(chain, {5}));
  CHECK_EQ(moved.data[5 * block_bytes], std::byte{'m'});
  ask<caf::ok_atom>(uut, atom::close_v, worker);
  CHECK_EQ(layouts(), nullptr);
}

TEST_CASE_FIXTURE(fixture, "a silent worker is reaped after its connection ended") {
  tell(uut, atom::lost_v, worker, true);
  pass(120s);
  CHECK_NE(layouts(), nullptr);
  pass(30s);
  CHECK_EQ(layouts(), nullptr);
}

TEST_CASE_FIXTURE(fixture, "memory that an engine took away fails the store and leaves nothing") {
  auto chain = shared_chain(1);
  segment.truncate(0);
  auto text = refusal<bool>(uut, atom::store_v, store_of(chain, {1}), whole(chain));
  check_says(text, "went away");
  CHECK_EQ(usage().used_bytes, 0u);
  check_idle();
}

TEST_CASE_FIXTURE(large_fixture, "a large copy is split over the copiers, each piece once") {
  auto chain = shared_chain(2);
  CHECK(store_blocks(chain, {1, 2}));
  REQUIRE_EQ(first->size(), 1u);
  REQUIRE_EQ(second->size(), 1u);
  auto a = first->front(), b = second->front();
  if (a.first > b.first)
    std::swap(a, b);
  CHECK_EQ(a.first, 0u);
  CHECK_EQ(a.second, b.first);
  CHECK_LT(a.first, a.second);
  CHECK_LT(b.first, b.second);
  CHECK(retrieve_blocks(chain, {3, 4}));
  // Two blocks of 2 MiB a plane, five in all.
  const auto* k = segment.data;
  const auto* v = k + (10 << 20);
  CHECK_EQ(std::memcmp(k + (2 << 20), k + (6 << 20), 4 << 20), 0);
  CHECK_EQ(std::memcmp(v + (2 << 20), v + (6 << 20), 4 << 20), 0);
  check_idle();
}

TEST_CASE_FIXTURE(large_fixture, "copies on one copier each take turns") {
  CHECK(store_blocks(shared_chain(1), {1}));
  CHECK(store_blocks(shared_chain(1, 100), {2}));
  CHECK_EQ(first->size(), 1u);
  CHECK_EQ(second->size(), 1u);
}

TEST_CASE_FIXTURE(large_fixture, "a copy whose copier dies fails and leaves nothing") {
  auto late
    = begin<bool>(uut, atom::store_v, store_of(shared_chain(1), {1}), whole(shared_chain(1)));
  auto& state = deref<lmcache_driven_actor::stateful_base<lmcache_driven_state>>(uut).state;
  for (const auto& each : state.copiers)
    self->send_exit(each, caf::exit_reason::kill);
  settle();
  CHECK_FALSE(late->text().empty());
  CHECK_EQ(usage().used_bytes, 0u);
  check_idle();
}

TEST_CASE("copies are spread in parts of some megabytes, every piece once") {
  CHECK_EQ(split_copy(100, 1 << 20, 4), (ranges{{0, 100}}));
  CHECK_EQ(split_copy(100, (8 << 20) - 1, 4), (ranges{{0, 100}}));
  CHECK_EQ(split_copy(100, 8 << 20, 4), (ranges{{0, 50}, {50, 100}}));
  CHECK_EQ(split_copy(10, uint64_t{1} << 30, 4), (ranges{{0, 2}, {2, 5}, {5, 7}, {7, 10}}));
  CHECK_EQ(split_copy(1, uint64_t{1} << 30, 4), (ranges{{0, 1}}));
  CHECK_EQ(split_copy(2, uint64_t{1} << 30, 4).size(), 2u);
}

TEST_CASE_FIXTURE(fixture, "checksums are the MD5 of each chunk of blocks as they are now") {
  auto ask_sums = [&](std::vector<int64_t> ids, bool layerwise) {
    return ask<checksum_report>(uut, atom::checksum_v,
                                box(checksum_order{worker, std::move(ids), 1, layerwise}));
  };
  auto sums = ask_sums({1, 2}, false);
  REQUIRE_EQ(sums.layers.size(), 1u);
  REQUIRE_EQ(sums.layers[0].size(), 2u);
  CHECK_EQ(sums.layers[0][0].size(), 32u);
  CHECK_NE(sums.layers[0][0], sums.layers[0][1]);
  CHECK_EQ(ask_sums({1, 2}, true).layers, sums.layers); // one layer
  segment.data[block_bytes] ^= std::byte{1};
  CHECK_NE(ask_sums({1, 2}, false).layers[0][0], sums.layers[0][0]);
  CHECK_EQ(ask_sums({1, 2}, false).layers[0][1], sums.layers[0][1]);
  auto text = refusal<checksum_report>(uut, atom::checksum_v,
                                       box(checksum_order{worker, {int64_t{blocks}}, 1, false}));
  CHECK_FALSE(text.empty());
  text = refusal<checksum_report>(uut, atom::checksum_v, box(checksum_order{99, {1}, 1, false}));
  check_says(text, "99");
}
