// Which prefixes a lookup finds, and what it holds of them: the peer's fold and unfold vectors.
#include "tests/storage/l1_fixture.hpp"

using namespace actord;
using namespace actord::test;

namespace {

struct grid : l1_fixture {
  /// Stores one group's objects where `row` has a 1.
  void fill(const std::string& row, uint16_t group, uint64_t length = object_bytes) {
    std::vector<group_layout> groups(group + 1u, {-1, length, false});
    auto reserved
      = index.reserve(space, chain_of(static_cast<uint32_t>(row.size())), 0, groups, 0, now,
                      [&](uint32_t chunk, uint16_t g) { return g != group || row[chunk] == '0'; });
    if (row.find('1') != std::string::npos)
      REQUIRE(index.commit(reserved.reservation, now));
  }

  static std::vector<group_layout> groups_of(std::initializer_list<int32_t> windows) {
    std::vector<group_layout> result;
    for (auto window : windows)
      result.push_back({window, object_bytes, false});
    return result;
  }
};

uint32_t hit_of(std::initializer_list<std::string> rows, std::initializer_list<int32_t> windows) {
  grid filled;
  uint16_t group = 0;
  for (const auto& row : rows)
    filled.fill(row, group++);
  auto chunks = static_cast<uint32_t>(rows.begin()->size());
  return filled.hit(chain_of(chunks), grid::groups_of(windows));
}

} // namespace

TEST_CASE("the longest servable prefix wins, even where shorter ones are not servable") {
  CHECK_EQ(hit_of({"11101"}, {-1}), 3);
  CHECK_EQ(hit_of({"11101"}, {1}), 5);
  CHECK_EQ(hit_of({"11101", "00110"}, {-1, 1}), 3);
  CHECK_EQ(hit_of({"0111"}, {2}), 4);
  CHECK_EQ(hit_of({"0111"}, {-1}), 0);
  CHECK_EQ(hit_of({"0000"}, {1}), 0);
  CHECK_EQ(hit_of({"10000"}, {3}), 1);
  CHECK_EQ(hit_of({"11011"}, {3}), 2);
}

TEST_CASE("of a hit exactly the windows are held") {
  grid filled;
  for (uint16_t group = 0; group < 4; ++group)
    filled.fill("11100", group);
  auto found = filled.index.lookup(filled.space, chain_of(5), grid::groups_of({-1, 1, 2, 0}), 1, 0);
  CHECK_EQ(found.hit_chunks, 3);
  const std::vector<std::string> held{"11100", "00100", "01100", "11100"};
  for (uint32_t group = 0; group < 4; ++group)
    for (uint32_t chunk = 0; chunk < 5; ++chunk) {
      auto locked = filled.index.erase(filled.key(chunk, group), false);
      CHECK_EQ(locked == l1_index::deletion::locked, held[group][chunk] == '1');
    }
}

TEST_CASE("a window of two over six resident chunks holds the last two only") {
  grid filled;
  filled.fill("111111", 0);
  auto found = filled.index.lookup(filled.space, chain_of(6), grid::groups_of({2}), 1, 0);
  CHECK_EQ(found.hit_chunks, 6);
  CHECK_EQ(filled.index.usage().read_locked_objects, 2);
  CHECK_EQ(filled.index.claim(found.lease, 0, 0, 6, grid::groups_of({2}), 0)->slots.size(), 2);
  // A range that ends before the hit would need objects that are not held.
  CHECK_FALSE(filled.index.claim(found.lease, 0, 0, 5, grid::groups_of({2}), 0));
}

TEST_CASE("aux groups are no part of a lookup, and alone they serve nothing") {
  grid filled;
  filled.fill("111", 0);
  std::vector<group_layout> groups{{-1, object_bytes, false}, {-1, object_bytes, true}};
  CHECK_EQ(filled.hit(chain_of(3), groups), 3);
  CHECK_EQ(filled.hit(chain_of(3), std::span{groups}.last(1)), 0);
  groups[0].aux = true;
  CHECK_EQ(filled.hit(chain_of(3), groups), 0);
}

TEST_CASE("an object of another length is a miss") {
  grid filled;
  filled.fill("10", 0);
  filled.fill("01", 0, object_bytes - 1);
  CHECK_EQ(filled.hit(chain_of(2)), 1);
}

TEST_CASE("every rank of the world must hold a chunk") {
  l1_fixture two;
  auto world_of_two = two.index.intern({"model", 2, ""});
  CHECK(two.store(chain_of(3), world_of_two, two.full, 0));
  CHECK_EQ(two.index.lookup(world_of_two, chain_of(3), two.full, 1, 0).hit_chunks, 0);
  CHECK(two.store(chain_of(2), world_of_two, two.full, 1));
  CHECK_EQ(two.index.lookup(world_of_two, chain_of(3), two.full, 1, 0).hit_chunks, 2);
}
