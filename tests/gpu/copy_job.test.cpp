#include "tests/gpu/paged_memory.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <numeric>

using namespace actord;
using namespace actord::gpu;
using namespace actord::gpu::test;

namespace {

bytes from_hex(const std::string& hex) {
  bytes result;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    result.push_back(static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  return result;
}

paged_layout
layout_of(const paged_memory& engine, const layout_hints& hints,
          const std::vector<engine_group_info>& groups, const layout_options& options) {
  auto result = make_paged_layout(engine.tensors, hints, groups, options);
  REQUIRE_MESSAGE(result.layout.has_value(), result.error);
  return *result.layout;
}

/// One object per chunk and group, one behind the other.
std::vector<slot> slots_of(const paged_layout& layout, uint32_t chunks) {
  std::vector<slot> result;
  uint64_t offset = 0;
  for (uint32_t chunk = 0; chunk < chunks; ++chunk)
    for (uint16_t group = 0; group < layout.object_groups.size(); ++group) {
      const uint64_t length = layout.object_groups[group].layout.object_bytes;
      result.push_back({chunk, group, 0, offset, length});
      offset += (length + 63) / 64 * 64;
    }
  return result;
}

uint64_t pool_bytes(const std::vector<slot>& slots) {
  return slots.empty() ? 0 : slots.back().offset_bytes + slots.back().length_bytes;
}

void run_all(const paged_layout& layout, paged_memory& engine, bytes& pool,
             const copy_request& request) {
  auto made = copy_job::make(layout, engine.open(), pool, request);
  REQUIRE_MESSAGE(made.job.has_value(), made.error);
  made.job->run(0, made.job->pieces());
  CHECK(made.job->ok());
}

/// A random engine: groups of layers in random formats, windows and block sizes.
struct random_case {
  paged_memory engine;
  std::vector<engine_group_info> groups;
  layout_hints hints;
  layout_options options;
  uint32_t chunks = 1;
  std::vector<block_list> ids;
  int64_t null_block_id = 0;

  explicit random_case(std::mt19937_64& random) {
    auto pick = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
    };
    const bool hnd = pick(0, 1) == 1;
    hints.kv_layout = hnd ? (pick(0, 1) ? "HND" : "BLHNC") : (pick(0, 1) ? "NHD" : "BLNHC");
    options.chunk_tokens = static_cast<uint64_t>(8 * pick(1, 3));
    options.separate_object_groups = pick(0, 1) == 1;
    chunks = static_cast<uint32_t>(pick(1, 4));
    null_block_id = pick(0, 2) == 0 ? -1 : 0;
    const char* types[] = {"uint8", "float16", "bfloat16", "float32", "int64"};
    for (int64_t g = 0, count = pick(1, 3); g < count; ++g) {
      const int64_t slots = int64_t{1} << pick(0, 2), tokens = slots << pick(0, 1);
      const int64_t blocks = pick(3, 9), heads = pick(1, 4), size = pick(1, 3) * 8 + pick(0, 1);
      const std::string type = types[pick(0, 4)];
      const int form = static_cast<int>(pick(0, 4));
      engine_group_info info{g, {}, tokens, -1, 0, pick(0, 3) == 0};
      if (const int64_t kind = pick(0, 3); kind == 1)
        info.sw_size_tokens = tokens * pick(1, 3);
      else if (kind == 2)
        info.sw_size_tokens = static_cast<int64_t>(options.chunk_tokens) * 2 + 1;
      for (int64_t l = 0, layers = pick(1, 3); l < layers; ++l) {
        info.layer_indices.push_back(static_cast<int64_t>(engine.tensors.size()));
        engine.add(tensor(form, hnd, blocks, slots, heads, size, type, 5 * pick(0, 1)), random);
      }
      groups.push_back(info);
      const auto per_chunk = options.chunk_tokens / static_cast<uint64_t>(tokens);
      auto& list = ids.emplace_back(chunks * per_chunk);
      // Distinct within a list, as engines send them, as long as there are enough blocks.
      std::vector<int64_t> deck(static_cast<size_t>(blocks));
      std::iota(deck.begin(), deck.end(), 0);
      std::ranges::shuffle(deck, random);
      for (size_t i = 0; i < list.size(); ++i)
        list[i] = null_block_id == -1 && pick(0, 5) == 0 ? -1 : deck[i % deck.size()];
    }
  }

  static tensor_descriptor tensor(int form, bool hnd, int64_t blocks, int64_t slots, int64_t heads,
                                  int64_t size, const std::string& type, int64_t padding) {
    const int64_t a = hnd ? heads : slots, b = hnd ? slots : heads;
    switch (form) {
      case 0: return describe({2, blocks, a, b, size}, type, padding);
      case 1: return describe({blocks, 2, a, b, size}, type, padding);
      case 2: return describe({blocks, a, b, size}, type, padding);
      case 3: return pad_indexer(hnd, blocks, slots, padding);
      default: return describe({blocks, slots, size}, type, padding);
    }
  }

  static tensor_descriptor pad_indexer(bool hnd, int64_t blocks, int64_t slots, int64_t padding) {
    return hnd ? describe({blocks, 1, slots, 132}, "uint8", padding)
               : describe({blocks, slots, 1, 132}, "uint8", padding);
  }

  copy_request request(direction way, const std::vector<slot>& slots, uint64_t skip = 0) const {
    return {way, chunks, ids, slots, skip, null_block_id};
  }
};

bool unique_ids(const random_case& c) {
  return std::ranges::all_of(c.ids, [](block_list list) {
    std::erase(list, -1);
    std::ranges::sort(list);
    return std::ranges::adjacent_find(list) == list.end();
  });
}

} // namespace

TEST_CASE("objects hold the bytes that the recorded chunk layouts say") {
  std::ifstream file(ACTORD_TEST_DATA "/chunk_layout.json");
  const auto vectors = nlohmann::json::parse(file);
  REQUIRE_EQ(vectors.size(), 7u);
  for (const auto& vector : vectors) {
    CAPTURE(vector["name"].get<std::string>());
    paged_memory engine;
    std::mt19937_64 random(1);
    const auto layers = vector["num_layers"].get<size_t>();
    for (size_t l = 0; l < layers; ++l) {
      engine.add(describe(vector["engine_tensor_shape"], "int16"), random);
      const size_t count = engine.buffers[l].size() / 2;
      for (size_t i = 0; i < count; ++i) {
        const auto value = static_cast<int16_t>(l * count + i);
        std::memcpy(engine.buffers[l].data() + 2 * i, &value, 2);
      }
    }
    layout_hints hints;
    hints.kv_layout = vector["kv_layout"].get<std::string>();
    const std::vector<block_list> ids{vector["block_ids"].get<block_list>()};
    const auto expected = from_hex(vector["hex"]);
    layout_options options;
    options.chunk_tokens = vector["chunk_shape"].rbegin()[1].get<uint64_t>();
    const auto layout = layout_of(engine, hints, {}, options);
    CHECK_EQ(layout.object_groups[0].layout.object_bytes, expected.size());
    bytes pool(expected.size());
    const auto slots = slots_of(layout, 1);
    run_all(layout, engine, pool, {direction::gather, 1, ids, slots});
    CHECK(pool == expected);
  }
}

TEST_CASE("a gather and a scatter do what a copy element by element does") {
  std::mt19937_64 random(20);
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    random_case c(random);
    const auto layout = layout_of(c.engine, c.hints, c.groups, c.options);
    const auto slots = slots_of(layout, c.chunks);
    bytes pool = random_bytes(pool_bytes(slots), random), expected = pool;
    run_all(layout, c.engine, pool, c.request(direction::gather, slots));
    model_copy(layout, c.engine, expected, c.request(direction::gather, slots));
    CHECK(pool == expected);
    if (!unique_ids(c))
      continue; // a block written twice: the order is not defined
    auto other = c.engine;
    for (size_t i = 0; i < other.buffers.size(); ++i)
      other.buffers[i] = c.engine.buffers[i] = random_bytes(other.buffers[i].size(), random);
    const auto skip = random() % (c.chunks * c.options.chunk_tokens + 2);
    run_all(layout, c.engine, pool, c.request(direction::scatter, slots, skip));
    model_copy(layout, other, expected, c.request(direction::scatter, slots, skip));
    CHECK(c.engine.buffers == other.buffers);
  }
}

TEST_CASE("what was gathered and is scattered again leaves the engine's memory as it was") {
  std::mt19937_64 random(21);
  for (int round = 0; round < 100; ++round) {
    random_case c(random);
    const auto layout = layout_of(c.engine, c.hints, c.groups, c.options);
    const auto slots = slots_of(layout, c.chunks);
    bytes pool = random_bytes(pool_bytes(slots), random);
    const auto before = c.engine.buffers;
    run_all(layout, c.engine, pool, c.request(direction::gather, slots));
    run_all(layout, c.engine, pool, c.request(direction::scatter, slots));
    CHECK(c.engine.buffers == before);
  }
}

TEST_CASE("pieces copy the same in any order, and large jobs have several") {
  std::mt19937_64 random(22);
  paged_memory engine;
  for (int l = 0; l < 3; ++l)
    engine.add(describe({2, 64, 4, 16, 64}, "bfloat16"), random);
  layout_hints hints;
  hints.kv_layout = "HND";
  const auto layout = layout_of(engine, hints, {}, {});
  std::vector<block_list> ids(1, block_list(64));
  std::iota(ids[0].rbegin(), ids[0].rend(), 0);
  const auto slots = slots_of(layout, 4);
  bytes pool(pool_bytes(slots)), expected(pool.size());
  const copy_request request{direction::gather, 4, ids, slots};
  auto made = copy_job::make(layout, engine.open(), pool, request);
  REQUIRE(made.job.has_value());
  CHECK_EQ(made.job->bytes(), pool.size());
  REQUIRE_GE(made.job->pieces(), 4u);
  std::vector<size_t> order(made.job->pieces());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::shuffle(order, random);
  for (size_t i : order)
    made.job->run(i, i + 1);
  model_copy(layout, engine, expected, request);
  CHECK(pool == expected);
}

namespace {

/// A good request for two groups of one layer each, for tests to spoil.
struct good_request {
  paged_memory engine;
  std::optional<paged_layout> layout;
  std::vector<slot> slots;
  bytes pool;
  std::vector<block_list> ids{{1, 2, 3, 4}, {4, 3, 2, 1}};
  int64_t null_block_id = 0;
  std::vector<opened_tensor> tensors;

  good_request() {
    std::mt19937_64 random(23);
    engine.add(describe({2, 8, 4, 2, 8}), random);
    engine.add(describe({2, 8, 4, 2, 16}), random);
    layout_hints hints;
    hints.kv_layout = "NHD";
    layout_options options;
    options.chunk_tokens = 8;
    layout = layout_of(engine, hints, {{0, {0}, 4}, {1, {1}, 4}}, options);
    slots = slots_of(*layout, 2);
    pool = random_bytes(pool_bytes(slots), random);
    tensors = engine.open();
  }

  void refuse(const std::string& why) {
    const auto pool_before = pool;
    const auto engine_before = engine.buffers;
    for (auto way : {direction::gather, direction::scatter}) {
      auto made = copy_job::make(*layout, tensors, pool, {way, 2, ids, slots, 0, null_block_id});
      CHECK_FALSE(made.job.has_value());
      CHECK_MESSAGE(made.error.find(why) != std::string::npos, made.error);
    }
    CHECK(pool == pool_before);
    CHECK(engine.buffers == engine_before);
  }
};

} // namespace

TEST_CASE_FIXTURE(good_request, "a request with wrong block lists is refused, and no byte moves") {
  SUBCASE("too few lists") {
    ids.pop_back();
    refuse("1 block lists were sent for 2 KV groups");
  }
  SUBCASE("too many lists") {
    ids.push_back({1, 2, 3, 4});
    refuse("3 block lists");
  }
  SUBCASE("too few blocks") {
    ids[1].pop_back();
    refuse("block list 1 has 3 entries, but 2 chunks of 2 blocks need more");
  }
  SUBCASE("a part of a chunk at the end") {
    ids[0].push_back(5);
    refuse("block list 0 has 5 entries, which is not a multiple of the 2 blocks");
  }
  SUBCASE("a block behind the last") {
    ids[1][3] = 8;
    refuse("names block 8 at position 3");
  }
  SUBCASE("a block far behind the last") {
    ids[0][0] = INT64_MAX;
    refuse("names block 9223372036854775807");
  }
  SUBCASE("a negative block") {
    ids[0][2] = -1;
    refuse("names block -1");
  }
  SUBCASE("a negative block that is not the null block") {
    ids[0][2] = -2;
    null_block_id = -1;
    refuse("names block -2");
  }
}

TEST_CASE_FIXTURE(good_request,
                  "a request with wrong objects or tensors is refused, and no byte moves") {
  SUBCASE("an object that is too short") {
    --slots[1].length_bytes;
    refuse("object of chunk 1, group 0 has");
  }
  SUBCASE("an object behind the pool") {
    slots[1].offset_bytes += 64;
    refuse("ends behind the pool");
  }
  SUBCASE("an object whose end overflows") {
    slots[0].offset_bytes = UINT64_MAX - 8;
    refuse("ends behind the pool");
  }
  SUBCASE("an object of no chunk") {
    slots[0].chunk = 2;
    refuse("does not exist");
  }
  SUBCASE("an object of no group") {
    slots[0].group = 1;
    refuse("does not exist");
  }
  SUBCASE("tensors of another registration") {
    tensors.pop_back();
    refuse("1 tensors are open, but the layout has 2");
  }
  SUBCASE("a tensor that is not there") {
    tensors[1].base = nullptr;
    refuse("KV tensor 1 is not open");
  }
}

TEST_CASE("a list longer than the range is fine when it holds whole chunks") {
  std::mt19937_64 random(24);
  paged_memory engine;
  engine.add(describe({8, 4, 16}), random);
  layout_options options;
  options.chunk_tokens = 8;
  const auto layout = layout_of(engine, {}, {}, options);
  const auto slots = slots_of(layout, 1);
  bytes pool(pool_bytes(slots)), expected(pool.size());
  const std::vector<block_list> ids{{7, 2, 1, 1}};
  const copy_request request{direction::gather, 1, ids, slots};
  run_all(layout, engine, pool, request);
  model_copy(layout, engine, expected, request);
  CHECK(pool == expected);
}

TEST_CASE("the same block twice in one list is copied without a crash") {
  std::mt19937_64 random(25);
  paged_memory engine;
  engine.add(describe({2, 4, 4, 2, 8}), random);
  layout_options options;
  options.chunk_tokens = 16;
  const auto layout = layout_of(engine, {}, {}, options);
  const auto slots = slots_of(layout, 1);
  bytes pool = random_bytes(pool_bytes(slots), random);
  const std::vector<block_list> ids{{3, 3, 3, 3, 3, 3, 3, 3}};
  run_all(layout, engine, pool, {direction::scatter, 1, ids, slots});
  run_all(layout, engine, pool, {direction::gather, 1, ids, slots});
  const size_t block = pool.size() / 8;
  for (size_t row = 0; row < 2; ++row)
    for (size_t i = 1; i < 4; ++i)
      CHECK(std::equal(&pool[row * 4 * block], &pool[row * 4 * block] + block,
                       &pool[(row * 4 + i) * block]));
}

TEST_CASE("a null block of -1 is left alone by a scatter and read as zeros by a gather") {
  std::mt19937_64 random(26);
  paged_memory engine;
  engine.add(describe({4, 4, 16}), random);
  layout_options options;
  options.chunk_tokens = 8;
  const auto layout = layout_of(engine, {}, {}, options);
  const auto slots = slots_of(layout, 1);
  bytes pool = random_bytes(pool_bytes(slots), random);
  const std::vector<block_list> ids{{-1, 2}};
  run_all(layout, engine, pool, {direction::gather, 1, ids, slots, 0, -1});
  const size_t half = pool.size() / 2;
  CHECK(std::all_of(pool.begin(), pool.begin() + static_cast<long>(half),
                    [](std::byte b) { return b == std::byte{0}; }));
  CHECK(std::equal(pool.begin() + static_cast<long>(half), pool.end(),
                   engine.buffers[0].begin() + static_cast<long>(2 * half)));
  const auto before = engine.buffers;
  run_all(layout, engine, pool, {direction::scatter, 1, ids, slots, 0, -1});
  CHECK(engine.buffers == before);
}
