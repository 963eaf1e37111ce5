#include "storage/workload/position_set.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>

using namespace actord::workload;

TEST_CASE("a set of positions agrees with std::set, whatever its bound") {
  for (const uint64_t bound : {1, 63, 64, 65, 4096, 4097, 300'000}) {
    CAPTURE(bound);
    std::mt19937_64 random{bound};
    position_set ours{bound};
    std::set<uint64_t> model;
    for (int i = 0; i < 3000; ++i) {
      const auto position = random() % bound;
      if (random() % 2 == 0) {
        ours.insert(position);
        model.insert(position);
      } else {
        ours.erase(position);
        model.erase(position);
      }
      REQUIRE_EQ(ours.contains(position), model.contains(position));
      REQUIRE_EQ(ours.empty(), model.empty());
      if (!model.empty())
        REQUIRE_EQ(ours.largest(), *model.rbegin());
    }
  }
  CHECK(position_set{0}.empty());
}
