#include "gpu/paged_layout.hpp"

#include "tests/gpu/paged_memory.hpp"

#include <doctest/doctest.h>

using namespace actord;
using namespace actord::gpu;
using namespace actord::gpu::test;

namespace {

struct registration {
  std::vector<tensor_descriptor> tensors;
  layout_hints hints;
  std::vector<engine_group_info> groups;
  layout_options options;

  paged_layout accept() const {
    auto result = make_paged_layout(tensors, hints, groups, options);
    REQUIRE_MESSAGE(result.layout.has_value(), result.error);
    return *result.layout;
  }

  void refuse(const std::string& why) const {
    auto result = make_paged_layout(tensors, hints, groups, options);
    CHECK_FALSE(result.layout.has_value());
    CHECK_MESSAGE(result.error.find(why) != std::string::npos, result.error);
  }
};

registration two_groups() {
  registration result;
  result.hints.kv_layout = "NHD";
  for (int64_t heads : {4, 4, 2, 2})
    result.tensors.push_back(describe({2, 8, 16, heads, 8}));
  result.groups = {{0, {0, 1}, 16}, {1, {2, 3}, 16}};
  return result;
}

struct format_case {
  std::vector<int64_t> shape;
  const char* dtype;
  const char* hint;
  int format;
  const char* name;
  const char* concrete;
  std::vector<uint64_t> sizes; // planes, heads, head size, slots, blocks
};

const format_case format_cases[] = {
  {{2, 9, 4, 3, 8},
   "float16",
   "NHD",
   1,
   "NL_X_TWO_NB_BS_NH_HS",
   "1 x [2, 9, 4, 3, 8]",
   {2, 3, 8, 4, 9}},
  {{2, 9, 3, 4, 8},
   "float16",
   "HND",
   6,
   "NL_X_TWO_NB_NH_BS_HS",
   "1 x [2, 9, 3, 4, 8]",
   {2, 3, 8, 4, 9}},
  {{9, 2, 4, 3, 8},
   "float16",
   "BLNHC",
   2,
   "NL_X_NB_TWO_BS_NH_HS",
   "1 x [9, 2, 4, 3, 8]",
   {2, 3, 8, 4, 9}},
  {{9, 2, 3, 4, 8},
   "float16",
   "BLHNC",
   7,
   "NL_X_NB_TWO_NH_BS_HS",
   "1 x [9, 2, 3, 4, 8]",
   {2, 3, 8, 4, 9}},
  {{9, 3, 4, 16}, "float16", "HND", 12, "NL_X_NB_NH_BS_CS", "1 x [9, 3, 4, 16]", {1, 3, 16, 4, 9}},
  {{9, 4, 3, 16}, "float16", "NHD", 13, "NL_X_NB_BS_NH_CS", "1 x [9, 4, 3, 16]", {1, 3, 16, 4, 9}},
  {{9, 4, 24}, "float16", "HND", 3, "NL_X_NB_BS_HS", "1 x [9, 4, 24]", {1, 1, 24, 4, 9}},
  {{9, 4, 132}, "uint8", "NHD", 14, "NL_X_NB_BSV_BSS", "1 x [9, 4, 132]", {1, 1, 132, 4, 9}},
  {{9, 4, 1, 132}, "uint8", "NHD", 14, "NL_X_NB_BSV_BSS", "1 x [9, 4, 132]", {1, 1, 132, 4, 9}},
  {{9, 1, 4, 132}, "uint8", "HND", 14, "NL_X_NB_BSV_BSS", "1 x [9, 4, 132]", {1, 1, 132, 4, 9}},
  {{9, 4, 132}, "int8", "NHD", 3, "NL_X_NB_BS_HS", "1 x [9, 4, 132]", {1, 1, 132, 4, 9}},
  {{9, 4, 2, 132}, "uint8", "NHD", 13, "NL_X_NB_BS_NH_CS", "1 x [9, 4, 2, 132]", {1, 2, 132, 4, 9}},
  {{2, 2, 4, 3, 8},
   "float16",
   "NHD",
   1,
   "NL_X_TWO_NB_BS_NH_HS",
   "1 x [2, 2, 4, 3, 8]",
   {2, 3, 8, 4, 2}},
};

} // namespace

TEST_CASE("every paged format is told by shape, dtype and hint") {
  for (const auto& c : format_cases) {
    CAPTURE(c.name);
    registration r;
    r.tensors.push_back(describe(c.shape, c.dtype));
    r.hints.kv_layout = c.hint;
    const auto layout = r.accept();
    const auto& group = layout.kernel_groups.at(0);
    const auto& g = group.geometry;
    CHECK_EQ(static_cast<int>(g.format), c.format);
    CHECK_EQ(info_of(g.format).name, c.name);
    CHECK_EQ(concrete_shape(group), c.concrete);
    CHECK_EQ((std::vector{g.planes, g.heads, g.head_size, g.slots, g.blocks}), c.sizes);
  }
}

TEST_CASE("without a hint CPU engines put heads first, others slots") {
  registration r;
  r.tensors.push_back(describe({2, 9, 4, 4, 8}));
  CHECK_EQ(r.accept().kernel_groups[0].geometry.format, kv_format::two_nb_nh_bs_hs);
  r.options.cpu_only = false;
  CHECK_EQ(r.accept().kernel_groups[0].geometry.format, kv_format::two_nb_bs_nh_hs);
}

TEST_CASE("tensors of other shapes are refused") {
  registration r;
  SUBCASE("rank 6") {
    r.tensors.push_back(describe({2, 9, 3, 1, 4, 8}));
    r.refuse("KV tensor 0: shape [2, 9, 3, 1, 4, 8] is none of vLLM's paged formats");
  }
  SUBCASE("rank 2") {
    r.tensors.push_back(describe({9, 4}));
    r.refuse("is none of vLLM's paged formats");
  }
  SUBCASE("rank 5 without K and V") {
    r.tensors.push_back(describe({9, 3, 4, 4, 8}));
    r.refuse("is none of vLLM's paged formats");
  }
  SUBCASE("no elements") {
    r.tensors.push_back(describe({9, 4, 8}));
    r.tensors[0].shape[1] = 0;
    r.refuse("has no elements");
  }
  SUBCASE("gaps inside a block") {
    r.tensors.push_back(describe({9, 4, 8}));
    r.tensors[0].shape[1] = 3;
    r.tensors[0].shape[2] = 7;
    r.refuse("stride 8 of dimension 1 of shape [9, 3, 7] should be 7");
  }
  SUBCASE("blocks that overlap") {
    r.tensors.push_back(describe({9, 4, 8}));
    r.tensors[0].stride[0] = 31;
    r.refuse("should be at least 32");
  }
  SUBCASE("no tensors") {
    r.refuse("the list of KV tensors is empty");
  }
  SUBCASE("too many tensors") {
    r.tensors.assign(4097, describe({9, 4, 8}));
    r.refuse("4097 KV tensors are more than 4096");
  }
}

TEST_CASE("padding of the first dimension is kept in the block stride") {
  registration r;
  r.tensors.push_back(describe({9, 4, 8}, "float16", 100));
  const auto layout = r.accept();
  CHECK_EQ(layout.layers[0]->block_stride_bytes, 264u);
  CHECK_EQ(layout.layers[0]->block_bytes(), 64u);
  CHECK_EQ(layout.object_groups[0].layout.object_bytes, 256u * 16);
}

TEST_CASE("layers form groups by geometry, dtype and engine group, in order of the first") {
  registration r;
  r.hints.kv_layout = "NHD";
  r.tensors = {describe({2, 8, 16, 4, 8}), describe({8, 16, 24}), describe({2, 7, 16, 4, 8}),
               describe({2, 8, 16, 4, 8}, "bfloat16"), describe({8, 16, 24})};
  const auto layout = r.accept();
  REQUIRE_EQ(layout.kernel_groups.size(), 3u);
  CHECK_EQ(layout.kernel_groups[0].layers, (std::vector<uint32_t>{0, 2}));
  CHECK_EQ(layout.kernel_groups[1].layers, (std::vector<uint32_t>{1, 4}));
  CHECK_EQ(layout.kernel_groups[2].layers, (std::vector<uint32_t>{3}));
  CHECK_EQ(layout.kernel_groups[0].geometry.blocks, 7u); // an id must be good for every layer
  CHECK_EQ(layout.num_blocks, 7u);
  // One slot: 2 layers of K and V of 64 bytes, 2 of 48 bytes, 1 of K and V of 64 bytes.
  CHECK_EQ(layout.cache_bytes_per_token, 2u * 2 * 64 + 2 * 48 + 2 * 64);
  CHECK_EQ(layout.object_groups[0].layout.object_bytes, 256 * layout.cache_bytes_per_token);
  CHECK_EQ(layout.kernel_groups[1].region_offset, 256u * 256);
}

TEST_CASE("layers in no group are ignored, even where their format is unknown") {
  auto r = two_groups();
  r.tensors.push_back(describe({3, 3}));
  const auto layout = r.accept();
  CHECK_EQ(layout.kernel_groups.size(), 2u);
  CHECK_FALSE(layout.layers[4].has_value());
}

TEST_CASE("groups that do not match the tensors are refused") {
  auto r = two_groups();
  SUBCASE("too few") {
    r.groups = {{0, {0, 1, 2, 3}, 16}};
    r.refuse("the engine announces 1 KV groups, but its tensors form 2");
  }
  SUBCASE("in another order") {
    std::swap(r.groups[0], r.groups[1]);
    r.refuse("KV group 0: the engine announces layers [2, 3], but the tensors form a group of "
             "layers [0, 1]");
  }
  SUBCASE("with another layer order") {
    r.groups[0].layer_indices = {1, 0};
    r.refuse("the engine announces layers [1, 0]");
  }
  SUBCASE("with a layer that does not exist") {
    r.groups[1].layer_indices = {2, 4};
    r.refuse("layer 4 does not exist");
  }
  SUBCASE("with a negative layer") {
    r.groups[1].layer_indices = {-1};
    r.refuse("layer -1 does not exist");
  }
  SUBCASE("with a layer twice") {
    r.groups[1].layer_indices = {2, 3, 0};
    r.refuse("layer 0 is named twice");
  }
  SUBCASE("with a negative engine group") {
    r.groups[0].engine_group_id = -1;
    r.refuse("engine_group_id -1 is negative");
  }
  SUBCASE("without a layer") {
    r.groups = {{0, {}, 16}};
    r.refuse("no KV tensor belongs to a group");
  }
}

TEST_CASE("blocks, chunks and windows must fit each other") {
  auto r = two_groups();
  SUBCASE("slots and tokens of a block") {
    r.groups[0].tokens_per_block = 24;
    r.refuse("KV group 0: tokens_per_block 24 is not a multiple of the 16 slots");
  }
  SUBCASE("blocks and chunks") {
    r.groups[1].tokens_per_block = 48;
    r.refuse("KV group 1: the chunk size 256 is not a multiple of tokens_per_block 48");
  }
  SUBCASE("blocks and windows within a chunk") {
    r.groups[1].sw_size_tokens = 40;
    r.refuse("the sliding window of 40 tokens is shorter than a chunk (256)");
  }
  SUBCASE("no window at all") {
    r.groups[1].sw_size_tokens = 0;
    r.refuse("sw_size_tokens is 0");
  }
  SUBCASE("negative sizes") {
    r.groups[1].tokens_per_block = -16;
    r.refuse("is negative");
  }
  SUBCASE("a window of chunks needs no whole blocks") {
    r.groups[1].sw_size_tokens = 1000;
    CHECK_EQ(r.accept().kernel_groups[1].kept_blocks, 16u);
  }
  SUBCASE("an object beyond every memory") {
    r.options.chunk_tokens = uint64_t{1} << 60;
    r.refuse("would take more than 2^63 bytes");
  }
}

TEST_CASE("tokens per block beyond its slots shrink the object") {
  auto r = two_groups();
  r.groups[1].tokens_per_block = 64;
  const auto layout = r.accept();
  CHECK_EQ(layout.kernel_groups[1].blocks_per_chunk, 4u);
  CHECK_EQ(layout.kernel_groups[1].region_bytes, 2u * 2 * 4 * 16 * 32);
  CHECK_EQ(layout.cache_bytes_per_token, 2u * 2 * 64 + 2 * 2 * 32 / 4);
}

TEST_CASE("a sub-chunk window keeps the room of a whole chunk unless it is cut") {
  auto r = two_groups();
  r.groups[0].sw_size_tokens = 32;
  auto layout = r.accept();
  CHECK_EQ(layout.kernel_groups[0].kept_blocks, 2u);
  CHECK_EQ(layout.kernel_groups[0].content_bytes, 2u * 2 * 32 * 64);
  CHECK_EQ(layout.kernel_groups[1].region_offset, 2u * 2 * 256 * 64);
  r.options.cut_windows = true;
  layout = r.accept();
  CHECK_EQ(layout.kernel_groups[1].region_offset, 2u * 2 * 32 * 64);
}

TEST_CASE("object groups are one, or one per window and kind with tagged ones last") {
  registration r;
  r.hints.kv_layout = "NHD";
  for (int64_t i = 0; i < 7; ++i) {
    r.tensors.push_back(describe({8, 16, 8}));
    r.groups.push_back({i, {i}, 16});
  }
  r.groups[0].extra_object_group_tag = 3;
  r.groups[1].sw_size_tokens = 257;
  r.groups[2].sw_size_tokens = -1;
  r.groups[3].sw_size_tokens = 512;
  r.groups[4].sw_size_tokens = 16;
  r.groups[4].recurrent_state = true;
  r.groups[5].sw_size_tokens = 256;
  r.groups[6].extra_object_group_tag = 3;
  r.groups[6].sw_size_tokens = 16;
  auto layout = r.accept();
  const group_layout one{-1, 7 * 256 * 16, false};
  CHECK(layout.group_layouts() == std::vector{one});
  r.options.separate_object_groups = true;
  layout = r.accept();
  const uint64_t size = 256 * 16;
  CHECK(layout.group_layouts()
        == std::vector<group_layout>{{2, 2 * size, false},
                                     {-1, size, false},
                                     {1, size, false},
                                     {1, size, false},
                                     {-1, 2 * size, true}});
  CHECK_EQ(layout.object_groups[0].kernel_groups, (std::vector<uint32_t>{1, 3}));
  CHECK_EQ(layout.object_groups[4].kernel_groups, (std::vector<uint32_t>{0, 6}));
  CHECK(layout.object_groups[2].recurrent);
  CHECK_EQ(layout.kernel_groups[6].object_group, 4u);
  CHECK_EQ(layout.kernel_groups[6].region_offset, size);
}
