#include "gpu/checksums.hpp"

#include "tests/gpu/paged_memory.hpp"

#include <doctest/doctest.h>

#include <bit>

using namespace actord;
using namespace actord::gpu;
using namespace actord::gpu::test;

namespace {

struct fed {
  bytes data;
  std::string error;
};

fed feed(paged_memory& engine, const std::string& kv_layout, const std::vector<int64_t>& ids,
         size_t layer = 0) {
  layout_hints hints;
  hints.kv_layout = kv_layout;
  layout_options options;
  options.chunk_tokens = 8;
  auto made = make_paged_layout(engine.tensors, hints, {}, options);
  REQUIRE_MESSAGE(made.layout.has_value(), made.error);
  fed result;
  result.error
    = feed_blocks(*made.layout, engine.open(), layer, ids, [&](std::span<const std::byte> part) {
        result.data.insert(result.data.end(), part.begin(), part.end());
      });
  return result;
}

/// Picks rows along `axis` of a tight or padded tensor, as the model of what is fed.
bytes pick(const paged_memory& engine, size_t axis, const std::vector<int64_t>& ids) {
  const auto& tensor = engine.tensors[0];
  const size_t item = find_dtype(tensor.dtype)->item_bytes;
  const auto outer = axis == 0 ? 1 : tensor.shape[0];
  const auto row = static_cast<size_t>(tensor.stride[axis]) * item;
  size_t size = item; // without padding
  for (size_t i = axis + 1; i < tensor.shape.size(); ++i)
    size *= static_cast<size_t>(tensor.shape[i]);
  bytes result;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t id : ids) {
      const auto* begin = engine.buffers[0].data()
                          + static_cast<size_t>(o * tensor.stride[0]) * item
                          + static_cast<size_t>(id) * row;
      const auto* from
        = axis == 0 ? engine.buffers[0].data() + static_cast<size_t>(id) * row : begin;
      result.insert(result.end(), from, from + size);
    }
  return result;
}

} // namespace

TEST_CASE("blocks are picked along the block axis in the order of the engine's memory") {
  std::mt19937_64 random(30);
  const std::vector<int64_t> ids{5, 0, 5, 3};
  struct {
    const char* kv_layout;
    std::vector<int64_t> shape;
    size_t axis;
  } const cases[] = {
    {"NHD", {2, 6, 4, 3, 8}, 1}, {"HND", {2, 6, 3, 4, 8}, 1}, {"NHD", {6, 2, 4, 3, 8}, 0},
    {"HND", {6, 2, 3, 4, 8}, 0}, {"NHD", {6, 4, 24}, 0},      {"HND", {6, 3, 4, 16}, 0},
  };
  for (const auto& c : cases)
    for (int64_t padding : {0, 7}) {
      paged_memory engine;
      engine.add(describe(c.shape, "float16", padding), random);
      auto result = feed(engine, c.kv_layout, ids);
      CHECK(result.error.empty());
      CHECK(result.data == pick(engine, c.axis, ids));
    }
}

TEST_CASE("bfloat16 is widened to float32") {
  std::mt19937_64 random(31);
  paged_memory engine;
  engine.add(describe({6, 4, 4099}, "bfloat16"), random); // longer than one buffer, and odd
  auto result = feed(engine, "NHD", {2, 1});
  const auto narrow = pick(engine, 0, {2, 1});
  REQUIRE_EQ(result.data.size(), 2 * narrow.size());
  for (size_t i = 0; i < narrow.size() / 2; ++i) {
    uint16_t half = 0;
    uint32_t full = 0;
    std::memcpy(&half, narrow.data() + 2 * i, 2);
    std::memcpy(&full, result.data.data() + 4 * i, 4);
    REQUIRE_EQ(full, uint32_t{half} << 16);
  }
}

TEST_CASE("a block out of range is an error and feeds nothing") {
  std::mt19937_64 random(32);
  paged_memory engine;
  engine.add(describe({6, 4, 24}), random);
  for (int64_t id : {int64_t{6}, int64_t{-1}, INT64_MAX}) {
    auto result = feed(engine, "NHD", {0, id});
    CHECK(result.error.find("is out of range") != std::string::npos);
    CHECK(result.data.empty());
  }
}
