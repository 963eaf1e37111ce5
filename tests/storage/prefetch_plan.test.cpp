#include "storage/prefetch_plan.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace actord;

namespace {

std::vector<bool> bits(std::string_view text) {
  std::vector<bool> result;
  for (char c : text)
    if (c != ' ')
      result.push_back(c == '1');
  return result;
}

group_layout window(int32_t chunks) {
  return {chunks, 4096, false};
}

uint32_t prefix(std::vector<group_layout> groups, std::string_view present, uint32_t world = 1) {
  const auto cells = bits(present);
  const cell_grid grid{static_cast<uint32_t>(cells.size() / groups.size() / world), world, groups};
  return servable_prefix(grid, cells);
}

} // namespace

TEST_CASE("the longest prefix that every row can serve wins, as the peer folds") {
  CHECK_EQ(prefix({window(-1)}, "11101"), 3u);
  CHECK_EQ(prefix({window(1)}, "11101"), 5u);
  CHECK_EQ(prefix({window(-1), window(1)}, "11101 00110"), 3u);
  CHECK_EQ(prefix({window(2)}, "0111"), 4u);
  CHECK_EQ(prefix({window(-1)}, "0111"), 0u);
  CHECK_EQ(prefix({window(-1)}, "111 110", 2), 2u);
  CHECK_EQ(prefix({window(-1), {-1, 4096, true}}, "111 000"), 3u); // aux rows are not looked at
  CHECK_EQ(prefix({{-1, 4096, true}}, "111"), 0u);
  CHECK_EQ(prefix({window(-1)}, ""), 0u);
}

TEST_CASE("a served prefix needs all of a full row and the end of a windowed one") {
  const std::vector groups{window(-1), window(1), window(2), window(0)};
  const cell_grid grid{5, 1, groups};
  CHECK_EQ(cells_needed(grid, 3), bits("11100 00100 01100 11100"));
  CHECK_EQ(cells_needed(grid, 0), bits("00000 00000 00000 00000"));
}

TEST_CASE("each missing cell comes from the first store that has it, no other is loaded") {
  const std::vector groups{window(-1)};
  const cell_grid grid{6, 1, groups};
  const std::vector stores{bits("010010"), bits("011101")};
  const auto plan = plan_prefetch(grid, bits("100000"), stores);
  CHECK_EQ(plan.hit_chunks, 6u);
  CHECK_EQ(plan.loads[0], std::vector<uint32_t>{1, 4});
  CHECK_EQ(plan.loads[1], std::vector<uint32_t>{2, 3, 5});
}

TEST_CASE("what lies beyond a gap is not loaded") {
  const std::vector groups{window(-1)};
  const cell_grid grid{5, 1, groups};
  const std::vector<std::vector<bool>> stores{bits("01011")};
  const auto plan = plan_prefetch(grid, bits("10000"), stores);
  CHECK_EQ(plan.hit_chunks, 2u);
  CHECK_EQ(plan.loads[0], std::vector<uint32_t>{1});
}

TEST_CASE("a plan serves what it promises and loads nothing that it does not need") {
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    std::vector<group_layout> groups;
    for (auto count = 1 + random() % 3; groups.size() < count;)
      groups.push_back({static_cast<int32_t>(random() % 4) - 1, 4096, random() % 5 == 0});
    const cell_grid grid{1 + static_cast<uint32_t>(random() % 9),
                         1 + static_cast<uint32_t>(random() % 3), groups};
    auto some = [&] {
      std::vector<bool> result(grid.size());
      for (size_t i = 0; i < result.size(); ++i)
        result[i] = random() % 4 != 0;
      return result;
    };
    auto in_l1 = some();
    const std::vector stores{some(), some()};
    const auto plan = plan_prefetch(grid, in_l1, stores);
    CHECK_GE(plan.hit_chunks, servable_prefix(grid, in_l1));
    auto after = in_l1;
    for (size_t store = 0; store < stores.size(); ++store)
      for (auto cell : plan.loads[store]) {
        CHECK(stores[store][cell]);
        CHECK_FALSE(after[cell]);
        after[cell] = true;
      }
    REQUIRE_GE(servable_prefix(grid, after), plan.hit_chunks);
    // Without any one of the loads the prefix is shorter.
    for (const auto& loads : plan.loads)
      for (auto cell : loads) {
        after[cell] = false;
        CHECK_NE(servable_prefix(grid, after), plan.hit_chunks);
        after[cell] = true;
      }
  }
}

TEST_CASE("all chunks of full attention and the last window of the others are warmed") {
  const std::vector groups{window(-1), window(2), {-1, 4096, true}};
  CHECK_EQ(cells_to_warm({5, 1, groups}, 0, 5), bits("11111 00011 00000"));
  CHECK_EQ(cells_to_warm({2, 1, groups}, 0, 5), bits("11 00 00"));
  CHECK_EQ(cells_to_warm({2, 1, groups}, 2, 5), bits("11 01 00"));
  CHECK_EQ(cells_to_warm({1, 2, groups}, 4, 5), bits("11 11 00"));
  CHECK_EQ(cells_to_warm({1, 1, groups}, 0, 1), bits("1 1 0")); // a window longer than all
}

TEST_CASE("wanted cells are loaded behind gaps too, each from the first store that has it") {
  const std::vector groups{window(-1)};
  const cell_grid grid{6, 1, groups};
  const std::vector stores{bits("010010"), bits("000101")};
  const auto plan = plan_warm(grid, bits("111101"), bits("100000"), stores);
  CHECK_EQ(plan.hit_chunks, 2u);
  CHECK_EQ(plan.loads[0], std::vector<uint32_t>{1}); // 4 is not wanted
  CHECK_EQ(plan.loads[1], std::vector<uint32_t>{3, 5});
}
