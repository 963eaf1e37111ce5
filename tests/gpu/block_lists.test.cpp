#include "gpu/block_lists.hpp"

#include "tests/gpu/paged_memory.hpp"

#include <doctest/doctest.h>

using namespace actord;
using namespace actord::gpu;
using namespace actord::gpu::test;

TEST_CASE("a chunk is all null only when every block of every kernel group is") {
  const std::vector<tensor_descriptor> tensors{describe({4, 4, 16}), describe({4, 4, 24}),
                                               describe({4, 8, 16})};
  const std::vector<engine_group_info> groups{
    {0, {0}, 4, -1, 0, false}, {0, {1}, 4, -1, 0, false}, {1, {2}, 8, 8, 0, false}};
  layout_options options;
  options.chunk_tokens = 8;
  options.separate_object_groups = true;
  const auto layout = make_paged_layout(tensors, {}, groups, options).layout.value();
  REQUIRE_EQ(layout.object_groups.size(), 2u);
  const std::vector<block_list> ids{{0, 0, 0, 0}, {0, 0, 1, 0}, {0, 3}};
  CHECK(all_null(layout, ids, 0, 0, 0));
  CHECK_FALSE(all_null(layout, ids, 1, 0, 0));
  CHECK(all_null(layout, ids, 0, 1, 0));
  CHECK_FALSE(all_null(layout, ids, 1, 1, 0));
  CHECK_FALSE(all_null(layout, ids, 0, 0, -1));
}

TEST_CASE("tokens to skip become whole blocks, less those a window drops anyway") {
  kernel_group group;
  group.tokens_per_block = 4;
  group.blocks_per_chunk = 8;
  group.kept_blocks = 8;
  CHECK_EQ(blocks_to_skip(group, 0), 0u);
  CHECK_EQ(blocks_to_skip(group, 3), 0u);
  CHECK_EQ(blocks_to_skip(group, 7), 1u);
  CHECK_EQ(blocks_to_skip(group, 1000), 8u);
  group.kept_blocks = 2;
  CHECK_EQ(blocks_to_skip(group, 24), 0u);
  CHECK_EQ(blocks_to_skip(group, 28), 1u);
  CHECK_EQ(blocks_to_skip(group, 32), 2u);
}
