// The folder of objects over the twin of the ring: a stop at every step.
#include "tests/fixtures/fs_twin.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <vector>

using namespace actord;
using namespace actord::fixtures;

namespace {

using results = std::vector<l2_result>;

constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto corrupt = l2_result::corrupt;

const std::vector<object_ref> two{an_object(1, 10'000), an_object(2, 300)};

} // namespace

TEST_CASE_FIXTURE(fs_twin, "after a stop at any step every object is served whole or not at all") {
  const std::vector<object_ref> three{an_object(1, 9000), an_object(2, 300), an_object(3, 4096)};
  auto lost_power = false, shards = false;
  SUBCASE("the process ends") {
  }
  SUBCASE("the process ends, folders by hash") {
    shards = true;
  }
  SUBCASE("power is lost") {
    lost_power = true;
  }
  uint64_t seen_ok = 0, seen_absent = 0, seen_corrupt = 0;
  for (uint64_t step = 1;; ++step) {
    disk = std::make_shared<memory_files>();
    disk->shuffle(static_cast<uint32_t>(step));
    disk->part_bytes = 2048;
    options.shard_dirs = shards;
    REQUIRE_EQ(open(), "");
    slots stored{three, 1}, loaded{three, 2};
    disk->stop_at = disk->steps + step;
    const auto told = store(stored);
    const auto whole = disk->steps < disk->stop_at;
    disk->restart(lost_power);
    REQUIRE_EQ(open(), "");
    const auto found = load(loaded);
    for (size_t i = 0; i < three.size(); ++i) {
      CAPTURE(step);
      seen_ok += found[i] == ok;
      seen_absent += found[i] == absent;
      seen_corrupt += found[i] == corrupt;
      if (found[i] == ok)
        CHECK_EQ(loaded.bytes(i), stored.bytes(i));
      else
        CHECK((found[i] == absent || (lost_power && found[i] == corrupt)));
      if (told[i] == ok && !lost_power)
        CHECK_EQ(found[i], ok);
    }
    if (whole)
      break;
  }
  CHECK_GT(seen_absent, 20u);
  CHECK_EQ(seen_ok > 3, !lost_power);
  CHECK_EQ(seen_corrupt > 3, lost_power);
}

TEST_CASE_FIXTURE(fs_twin, "what was synced before it got its name survives a loss of power") {
  options.fsync = fs_sync::file;
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  store(stored);
  disk->restart(true);
  REQUIRE_EQ(open(), "");
  CHECK_EQ(load(loaded), results{ok, ok});
}
