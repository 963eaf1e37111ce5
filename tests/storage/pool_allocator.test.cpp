#include "storage/pool_allocator.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>

using namespace actord;

namespace {

/// Live ranges by offset; says whether a new one lies in the pool and overlaps none.
struct live_ranges {
  std::map<uint64_t, uint64_t> ranges; // offset -> aligned size
  uint64_t bytes = 0;

  bool add(uint64_t offset, uint64_t size, uint64_t total) {
    auto after = ranges.lower_bound(offset);
    if (after != ranges.end() && offset + size > after->first)
      return false;
    if (after != ranges.begin() && std::prev(after)->first + std::prev(after)->second > offset)
      return false;
    ranges[offset] = size;
    bytes += size;
    return offset + size <= total;
  }
  std::pair<uint64_t, uint64_t> take(size_t index) {
    auto at = std::next(ranges.begin(), static_cast<ptrdiff_t>(index));
    auto result = *at;
    bytes -= at->second;
    ranges.erase(at);
    return result;
  }
};

} // namespace

TEST_CASE("a batch of equal sizes in a fresh pool lies side by side") {
  pool_allocator pool{4096};
  pool.grow(10 * 4096);
  std::vector<uint64_t> offsets;
  CHECK(pool.allocate(std::vector<uint64_t>{100, 100, 5000, 5000}, offsets));
  CHECK_EQ(offsets, std::vector<uint64_t>{0, 4096, 8192, 16384});
  CHECK_EQ(pool.used_bytes(), 6 * 4096);
}

TEST_CASE("a batch that does not fit takes nothing") {
  pool_allocator pool{4096};
  pool.grow(4 * 4096);
  std::vector<uint64_t> offsets{77};
  CHECK_FALSE(pool.allocate(std::vector<uint64_t>{8192, 4096, 8192}, offsets));
  CHECK_FALSE(pool.allocate(std::vector<uint64_t>{UINT64_MAX}, offsets));
  CHECK_EQ(offsets, std::vector<uint64_t>{77});
  CHECK_EQ(pool.used_bytes(), 0);
  CHECK(pool.consistent());
}

TEST_CASE("the smallest range that fits is taken") {
  pool_allocator pool{1};
  pool.grow(100);
  std::vector<uint64_t> offsets;
  REQUIRE(pool.allocate(std::vector<uint64_t>{30, 10, 15, 10, 35}, offsets));
  pool.free(0, 30);
  pool.free(40, 15);
  offsets.clear();
  CHECK(pool.allocate(std::vector<uint64_t>{12}, offsets));
  CHECK_EQ(offsets[0], 40);
  CHECK_EQ(pool.largest_free_bytes(), 30);
}

TEST_CASE("neighbours coalesce, also with what is grown") {
  pool_allocator pool{4096};
  pool.grow(2 * 4096);
  std::vector<uint64_t> offsets;
  REQUIRE(pool.allocate(std::vector<uint64_t>{4096, 4096}, offsets));
  pool.free(4096, 4096);
  pool.grow(4096);
  CHECK_EQ(pool.largest_free_bytes(), 2 * 4096);
  pool.free(0, 1);
  CHECK_EQ(pool.largest_free_bytes(), 3 * 4096);
  CHECK_EQ(pool.free_ranges(), 1);
  CHECK(pool.consistent());
}

TEST_CASE("random use never overlaps, loses or invents bytes") {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    std::mt19937_64 random{seed};
    uint64_t alignment = seed % 2 == 0 ? 4096 : 64;
    pool_allocator pool{alignment};
    live_ranges live;
    for (int step = 0; step < 3000; ++step) {
      auto dice = random() % 100;
      if (dice < 2 && pool.total_bytes() < 400 * alignment) {
        pool.grow((1 + random() % 50) * alignment);
      } else if (dice < 55) {
        std::vector<uint64_t> sizes(1 + random() % 6, 1 + random() % (10 * alignment));
        if (random() % 2 == 0)
          for (auto& size : sizes)
            size = 1 + random() % (10 * alignment);
        std::vector<uint64_t> offsets;
        auto largest = pool.largest_free_bytes();
        auto done = pool.allocate(sizes, offsets);
        REQUIRE_EQ(offsets.size(), done ? sizes.size() : 0);
        for (size_t i = 0; i < offsets.size(); ++i) {
          REQUIRE_EQ(offsets[i] % alignment, 0);
          REQUIRE(live.add(offsets[i], pool.aligned(sizes[i]), pool.total_bytes()));
        }
        if (sizes.size() == 1)
          REQUIRE_EQ(done, pool.aligned(sizes[0]) <= largest);
      } else if (!live.ranges.empty()) {
        auto [offset, size] = live.take(random() % live.ranges.size());
        pool.free(offset, size);
      }
      REQUIRE_EQ(pool.used_bytes(), live.bytes);
      REQUIRE(pool.consistent());
    }
    while (!live.ranges.empty()) {
      auto [offset, size] = live.take(0);
      pool.free(offset, size);
    }
    CHECK_EQ(pool.largest_free_bytes(), pool.total_bytes());
  }
}
