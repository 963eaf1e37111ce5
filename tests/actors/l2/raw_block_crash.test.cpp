// The device of slots over the twin of the ring: a stop at every step, and damage to it.
#include "tests/fixtures/raw_block_twin.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace actord;
using namespace actord::fixtures;

namespace {

using results = std::vector<l2_result>;

constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto corrupt = l2_result::corrupt;

std::vector<object_ref> objects(uint8_t first, uint8_t count) {
  std::vector<object_ref> result;
  for (uint8_t i = 0; i < count; ++i)
    result.push_back(an_object(static_cast<uint8_t>(first + i), 5000));
  return result;
}

/// A life of a small device: everything it does happens at least once. Slots are used again, and
/// objects come back with other bytes.
struct life {
  slots early{objects(0, 4), 1}, gone{objects(0, 2), 2}, late{objects(10, 4), 3};
  slots back{objects(0, 2), 4};
  bool early_saved
    = false; // a checkpoint with these has been written; two of them are erased later

  void live(raw_block_twin& twin) {
    twin.store(early);
    twin.checkpoint();
    early_saved = twin.status("checkpoints") == "1";
    twin.erase(gone);
    twin.store(late); // two of these wait for a checkpoint
    twin.erase(late);
    twin.checkpoint();
    twin.store(back);
    twin.uut.reset();
  }

  /// Whether these are bytes that were stored under this name, whole.
  bool knows(const object_ref& object, const std::string& bytes) const {
    for (const auto* each : {&early, &late, &back})
      for (size_t i = 0; i < each->batch()->size(); ++i)
        if ((*each->batch())[i].object.hash == object.hash && each->bytes(i) == bytes)
          return true;
    return false;
  }
};

} // namespace

TEST_CASE_FIXTURE(raw_block_twin,
                  "after a stop at any step every object is served whole or not at all") {
  auto lost_power = false;
  SUBCASE("the process ends") {
  }
  SUBCASE("the process ends, parts of transfers are done") {
    disk->part_bytes = 3072;
  }
  SUBCASE("power is lost") {
    lost_power = true;
  }
  SUBCASE("power is lost, no checksums") {
    lost_power = true;
    options.verify_checksums = false;
  }
  const auto part = disk->part_bytes;
  auto all = objects(0, 4);
  for (const auto& each : objects(10, 4))
    all.push_back(each);
  uint64_t seen_ok = 0, seen_absent = 0, seen_kept = 0;
  const int seeds = lost_power ? 4 : 1;
  auto whole = false;
  for (uint64_t step = 1; !whole; ++step)
    for (int seed = 0; seed < seeds; ++seed) {
      uut.reset();
      disk = std::make_shared<memory_files>();
      disk->keeps_unsynced = true;
      disk->part_bytes = part;
      disk->shuffle(static_cast<uint32_t>(step));
      format(6);
      REQUIRE_EQ(open(), "");
      life it;
      disk->stop_at = disk->steps + step;
      it.live(*this);
      whole = disk->steps < disk->stop_at;
      if (lost_power)
        disk->lose_power(static_cast<uint32_t>(step * 7 + static_cast<uint64_t>(seed)));
      else
        disk->restart(false);
      REQUIRE_EQ(open(), "");
      slots loaded{all, 9};
      const auto found = load(loaded);
      CAPTURE(step);
      CAPTURE(seed);
      for (size_t i = 0; i < all.size(); ++i) {
        seen_ok += found[i] == ok;
        seen_absent += found[i] == absent;
        CHECK((found[i] == ok || found[i] == absent));
        if (found[i] == ok)
          CHECK(it.knows(all[i], loaded.bytes(i)));
        if (it.early_saved && (i == 2 || i == 3)) {
          ++seen_kept;
          CHECK_EQ(found[i], ok);
        }
      }
    }
  CHECK_GT(seen_ok, 50u);
  CHECK_GT(seen_absent, 50u);
  CHECK_GT(seen_kept, 30u);
}

TEST_CASE_FIXTURE(raw_block_twin,
                  "flipped, torn and exchanged slots are found out when they are loaded") {
  REQUIRE_EQ(open(), "");
  slots stored{objects(0, 6), 1}, loaded{objects(0, 6), 2};
  REQUIRE_EQ(store(stored), results(6, ok));
  const auto slot = [&](uint64_t number) {
    return options.config.meta_total_bytes + number * options.config.slot_bytes;
  };
  const auto payload = options.config.header_bytes;
  bytes()[slot(0) + payload + 4999] ^= 1;                // the last byte of an object
  bytes()[slot(1) + 9] ^= 1;                             // whose it is
  bytes().replace(slot(2) + payload + 512, 512, 512, 0); // torn
  const auto one = bytes().substr(slot(3), 16'384), other = bytes().substr(slot(4), 16'384);
  bytes().replace(slot(3), one.size(), other);
  bytes().replace(slot(4), other.size(), one);
  bytes()[slot(5) + payload + 5000] ^= 1; // padding
  CHECK_EQ(load(loaded), results{corrupt, corrupt, corrupt, corrupt, corrupt, ok});
  CHECK_EQ(load(loaded), results{absent, absent, absent, absent, absent, ok});
  CHECK_EQ(status("corrupt"), "5");
  CHECK_EQ(store(stored), results(6, ok));
  CHECK_EQ(load(loaded), results(6, ok));
}

TEST_CASE_FIXTURE(raw_block_twin, "headers are compared at the start, where that is asked for") {
  auto looks = true;
  SUBCASE("asked for") {
  }
  SUBCASE("not asked for: the load finds out") {
    looks = false;
  }
  options.verify_on_load = looks;
  REQUIRE_EQ(open(), "");
  slots stored{objects(0, 4), 1}, loaded{objects(0, 4), 2};
  REQUIRE_EQ(store(stored), results(4, ok));
  uut.reset();
  bytes()[options.config.meta_total_bytes] ^= 1;
  REQUIRE_EQ(open(), "");
  CHECK_EQ(status("dropped_at_start"), looks ? "1" : "0");
  CHECK_EQ(load(loaded), results{looks ? absent : corrupt, ok, ok, ok});
  CHECK_EQ(scan().size(), 3u);
}

TEST_CASE_FIXTURE(raw_block_twin, "a damaged checkpoint makes the one before it count") {
  REQUIRE_EQ(open(), "");
  slots early{objects(0, 2), 1}, late{objects(4, 2), 2};
  store(early);
  checkpoint();
  store(late);
  uut.reset(); // the second one, in the second container
  bytes()[32'768 + 4096 + 100] ^= 1;
  REQUIRE_EQ(open(), "");
  CHECK_EQ(status("metadata_seq"), "1");
  CHECK_EQ(load(early), results{ok, ok});
  CHECK_EQ(load(late), results{absent, absent});
}

TEST_CASE_FIXTURE(raw_block_twin,
                  "an index that is not taken over is replaced before its slots are") {
  REQUIRE_EQ(open(), "");
  slots stored{objects(0, 2), 1}, other{objects(4, 1), 2};
  store(stored);
  uut.reset();
  SUBCASE("of another geometry") {
    options.config.slot_bytes = 8192 + 4096;
  }
  SUBCASE("not wanted") {
    options.load_checkpoint = false;
  }
  SUBCASE("damaged") {
    bytes()[4096] ^= 1;
  }
  const auto before = bytes();
  REQUIRE_EQ(open(), "");
  CHECK_EQ(load(stored), results{absent, absent});
  CHECK_EQ(bytes(), before);
  disk->fail(runtime::io_kind::fsync, EIO);
  CHECK_EQ(store(other), results{l2_result::no_space});
  CHECK_EQ(bytes().substr(65'536), before.substr(65'536));
  disk->heal();
  CHECK_EQ(store(other), results{ok});
  CHECK_EQ(status("checkpoints"), "1");
  REQUIRE_EQ(open(), "");
  options.load_checkpoint = true;
  REQUIRE_EQ(open(), "");
  CHECK_EQ(scan().size(), 1u);
}
