#include "actors/cache/value_ring.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>

using namespace actord;

TEST_CASE("a ring gives back what a deque would") {
  std::minstd_rand random{7};
  value_ring<int> ring;
  std::deque<int> model;
  int next = 0;
  for (int step = 0; step < 20'000; ++step) {
    std::vector<int> fresh(random() % 20);
    for (auto& each : fresh)
      each = next++;
    ring.append(fresh);
    model.insert(model.end(), fresh.begin(), fresh.end());
    const auto gone = random() % (model.size() + 1) / (step % 3 + 1);
    ring.drop(gone);
    model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(gone));
    REQUIRE(ring.size() == model.size());
    const auto first = random() % (model.size() + 1);
    const auto count = random() % (model.size() - first + 1);
    const auto from = model.begin() + static_cast<ptrdiff_t>(first);
    REQUIRE(ring.copy(first, count)
            == std::vector<int>(from, from + static_cast<ptrdiff_t>(count)));
    if (count > 0)
      REQUIRE(ring[first] == model[first]);
  }
}
