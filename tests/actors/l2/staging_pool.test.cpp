// Memory for objects on their way through a serde.
#include "actors/l2/staging_pool.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace actord;

TEST_CASE("buffers are aligned, and together with those kept never more than the bound") {
  constexpr uint64_t most = 64 << 10;
  staging_pool pool{most, 4096};
  std::mt19937 random{3};
  std::vector<staging_pool::buffer> taken;
  uint64_t used = 0, refused = 0;
  for (uint32_t step = 0; step < 5000; ++step) {
    if (random() % 2 == 0 && !taken.empty()) {
      const auto which = static_cast<std::ptrdiff_t>(random() % taken.size());
      used -= taken[static_cast<size_t>(which)].room_bytes;
      pool.give_back(std::move(taken[static_cast<size_t>(which)]));
      taken.erase(taken.begin() + which);
    } else {
      const uint64_t bytes = random() % 20'000;
      const auto room = bytes == 0 ? 4096 : (bytes + 4095) / 4096 * 4096;
      auto buffer = pool.take(bytes);
      CHECK(static_cast<bool>(buffer) == (used + room <= most));
      if (buffer) {
        CHECK(buffer.room_bytes == room);
        CHECK(reinterpret_cast<uintptr_t>(buffer.bytes.get()) % 4096 == 0);
        buffer.bytes.get()[room - 1] = std::byte{1};
        used += room;
        taken.push_back(std::move(buffer));
      } else {
        ++refused;
      }
    }
    REQUIRE(pool.used_bytes() == used);
    REQUIRE(pool.held_bytes() <= most);
    REQUIRE(pool.held_bytes() >= used);
  }
  CHECK(refused > 0);
  CHECK(pool.peak_bytes() <= most);
}

TEST_CASE("a buffer is kept for the next object of its size") {
  staging_pool pool{1 << 20, 4096};
  auto first = pool.take(5000);
  const auto* where = first.bytes.get();
  pool.give_back(std::move(first));
  CHECK(pool.held_bytes() == 8192);
  CHECK(pool.take(4097).bytes.get() == where);
}

TEST_CASE("what is larger than the bound is never had") {
  const staging_pool pool{8192, 4096};
  CHECK(pool.holds(8192));
  CHECK_FALSE(pool.holds(8193));
  CHECK_FALSE(pool.holds(UINT64_MAX));
  CHECK_FALSE(staging_pool(8193, 4096).holds(8193)); // it would take three blocks
  CHECK_FALSE(staging_pool(8192, 4096).take(UINT64_MAX));
}
