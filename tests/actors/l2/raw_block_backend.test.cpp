// The device of slots over the twin of the ring: what it keeps, refuses and finds out.
#include "tests/fixtures/raw_block_twin.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

using namespace actord;
using namespace actord::fixtures;
using runtime::io_kind;
using namespace std::chrono_literals;

namespace {

using results = std::vector<l2_result>;

constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto wrong_length = l2_result::wrong_length;
constexpr auto corrupt = l2_result::corrupt;
constexpr auto no_space = l2_result::no_space;
constexpr auto failed = l2_result::failed;

// The largest that fits, one with a padded end, and the smallest.
const std::vector<object_ref> three{an_object(1, 12'288), an_object(2, 5000), an_object(3, 1)};

std::vector<object_ref> numbered(uint8_t first, uint8_t count) {
  std::vector<object_ref> result;
  for (uint8_t i = 0; i < count; ++i)
    result.push_back(an_object(static_cast<uint8_t>(first + i), 9000));
  return result;
}

} // namespace

TEST_CASE_FIXTURE(raw_block_twin, "what is stored is found, loaded, scanned, kept and removed") {
  for (auto direct : {false, true})
    for (auto verify : {false, true})
      for (uint64_t part : {UINT64_MAX, uint64_t{512}}) {
        options.use_odirect = direct;
        options.verify_checksums = verify;
        disk->part_bytes = part;
        format(8);
        REQUIRE_EQ(open(), "");
        slots stored{three, 1}, loaded{three, 2};
        CHECK_EQ(probe(stored), results{absent, absent, absent});
        CHECK_EQ(load(stored), results{absent, absent, absent});
        CHECK_EQ(store(stored), results{ok, ok, ok});
        CHECK_EQ(store(stored), results{ok, ok, ok});
        CHECK_EQ(status("found_stored"), "3");
        for (auto restart : {false, true}) {
          if (restart)
            REQUIRE_EQ(open(), "");
          slots again{three, 3};
          CHECK_EQ(probe(again), results{ok, ok, ok});
          CHECK_EQ(load(again), results{ok, ok, ok});
          for (size_t i = 0; i < three.size(); ++i)
            CHECK(again.bytes(i) == stored.bytes(i));
          CHECK_EQ(status("loaded_unverified"), verify ? "0" : "3");
          CHECK_EQ(scan().size(), 3u);
          CHECK_EQ(scan()[raw_block_name(to_key(three[1]))], 5000u);
        }
        CHECK_EQ(status("bounced"), "0");
        CHECK_EQ(erase(stored), results{ok, ok, ok});
        CHECK_EQ(erase(stored), results{absent, absent, absent});
        REQUIRE_EQ(open(), "");
        CHECK_EQ(load(loaded), results{absent, absent, absent});
        uut.reset();
      }
}

TEST_CASE_FIXTURE(raw_block_twin,
                  "memory that O_DIRECT does not take is copied, and padding is zeros") {
  REQUIRE_EQ(open(), "");
  slots stored{three, 1}, loaded{three, 2};
  const auto move_by = [](const slots& from, uint64_t offset) {
    auto items = std::make_shared<std::vector<l2_item>>(*from.batch());
    for (auto& item : *items) {
      item.object.length_bytes = std::min<uint64_t>(item.object.length_bytes, 5000) - 1;
      item.bytes += offset;
      item.room_bytes = item.object.length_bytes;
    }
    items->pop_back();
    return l2_batch{items};
  };
  for (uint64_t offset : {0, 1}) {
    CAPTURE(offset);
    format(8);
    REQUIRE_EQ(open(), "");
    std::optional<l2_report> told;
    const auto from = move_by(stored, offset), to = move_by(loaded, offset);
    const auto behind = loaded.bytes(0).substr(5000);
    uut->store(from, [&](l2_report report) { told = std::move(report); });
    disk->run();
    CHECK_EQ(told->results, results{ok, ok});
    uut->load(to, [&](l2_report report) { told = std::move(report); });
    disk->run();
    CHECK_EQ(told->results, results{ok, ok});
    for (size_t i = 0; i < 2; ++i)
      CHECK_EQ(std::string(reinterpret_cast<const char*>((*to)[i].bytes), 4999),
               std::string(reinterpret_cast<const char*>((*from)[i].bytes), 4999));
    CHECK_EQ(loaded.bytes(0).substr(5000), behind);
    CHECK_EQ(status("bounced"), offset == 0 ? "0" : "4");
    const auto payload = options.config.meta_total_bytes + options.config.header_bytes;
    CHECK_EQ(bytes().substr(payload + 4999, 8192 - 4999), std::string(8192 - 4999, '\0'));
  }
}

TEST_CASE_FIXTURE(raw_block_twin, "another length is a miss, and storing it anew replaces it") {
  REQUIRE_EQ(open(), "");
  slots stored{{an_object(1, 9000)}, 1}, other{{an_object(1, 8000)}, 2}, any{{an_object(1, 0)}, 3};
  CHECK_EQ(store(stored), results{ok});
  CHECK_EQ(probe(other), results{wrong_length});
  CHECK_EQ(load(other), results{wrong_length});
  CHECK_EQ(probe(any), results{ok});
  slots again{{an_object(1, 8000)}, 4};
  CHECK_EQ(store(other), results{ok});
  CHECK_EQ(load(again), results{ok});
  CHECK_EQ(again.bytes(0), other.bytes(0));
  slots empty{{an_object(2, 0)}, 1}, huge{{an_object(3, 12'289)}, 1};
  CHECK_EQ(store(empty), results{failed});
  const auto report = call(&l2_backend::store, huge);
  CHECK_EQ(report.results, results{failed});
  CHECK_NE(report.error.find("does not fit into a slot; raise slot_bytes"), std::string::npos);
}

TEST_CASE_FIXTURE(raw_block_twin,
                  "a full device says so, and a checkpoint sets free what was removed") {
  REQUIRE_EQ(open(), "");
  slots eight{numbered(0, 8), 1}, two{numbered(50, 2), 2}, more{numbered(60, 1), 3};
  CHECK_EQ(store(eight), results(8, ok));
  auto report = call(&l2_backend::store, two);
  CHECK_EQ(report.results, results{no_space, no_space});
  CHECK_EQ(report.error, "cannot store in /disk: no slot is free");
  CHECK_EQ(status("checkpoints"), "0");
  checkpoint();
  CHECK_EQ(status("checkpoints"), "1");
  slots first_two{numbered(0, 2), 4};
  CHECK_EQ(erase(first_two), results{ok, ok});
  CHECK_EQ(status("quarantined_slot_count"), "2");
  CHECK_EQ(store(two), results{ok, ok});
  CHECK_EQ(status("checkpoints"), "2");
  CHECK_EQ(store(more), results{no_space});
  CHECK_EQ(status("checkpoints"), "2"); // nothing would have become free
  SUBCASE("it cannot be written") {
    CHECK_EQ(erase(two), results{ok, ok});
    checkpoint();
    slots again{numbered(70, 2), 5};
    CHECK_EQ(store(again), results{ok, ok});
    checkpoint();
    CHECK_EQ(erase(again), results{ok, ok});
    disk->fail(io_kind::fsync, EIO);
    CHECK_EQ(store(more), results{no_space});
    CHECK_EQ(status("checkpoints_failed"), "1");
    disk->heal();
    CHECK_EQ(store(more), results{ok});
  }
}

TEST_CASE_FIXTURE(raw_block_twin,
                  "checkpoints wait for quiet, but not for ever, and for a change") {
  REQUIRE_EQ(open(), "");
  slots stored{three, 1};
  checkpoint();
  CHECK_EQ(status("metadata_seq"), "0"); // nothing has changed
  store(stored);
  disk->advance(30s);
  tick();
  CHECK_EQ(status("metadata_seq"), "0"); // not due
  checkpoint();
  CHECK_EQ(status("metadata_seq"), "1");
  CHECK_EQ(status("metadata_persisted"), "3");
  erase(stored);
  disk->advance(2min);
  disk->hang(io_kind::writev);
  slots other{numbered(50, 1), 1};
  const auto told = begin(&l2_backend::store, other);
  disk->run();
  tick();
  CHECK_EQ(status("metadata_seq"), "1"); // I/O is in flight
  disk->release();
  disk->run();
  CHECK_EQ((*told)->results, results{ok});
  tick();
  CHECK_EQ(status("metadata_seq"), "1"); // it was just now
  disk->advance(99ms);
  tick();
  CHECK_EQ(status("metadata_seq"), "1");
  disk->advance(1ms);
  tick();
  CHECK_EQ(status("metadata_seq"), "2");
  erase(other);
  disk->hang(io_kind::writev);
  const auto late = begin(&l2_backend::store, stored);
  disk->advance(5min);
  uut->tick();
  disk->release();
  disk->run();
  CHECK_EQ(status("metadata_seq"), "3"); // it had waited long enough
}

TEST_CASE_FIXTURE(raw_block_twin,
                  "a call that takes too long is cancelled and leaves its slot free") {
  REQUIRE_EQ(open(), "");
  disk->hang(io_kind::writev);
  slots stored{three, 1};
  const auto told = begin(&l2_backend::store, stored);
  disk->run();
  CHECK_FALSE(told->has_value());
  CHECK_EQ(probe(stored), results{absent, absent, absent});
  disk->advance(30s);
  disk->run();
  REQUIRE(told->has_value());
  CHECK_EQ((*told)->results, results{failed, failed, failed});
  CHECK_NE((*told)->error.find("Connection timed out"), std::string::npos);
  disk->release();
  CHECK_EQ(status("inflight_key_count"), "0");
  CHECK_EQ(store(stored), results{ok, ok, ok});
  disk->hang(io_kind::readv);
  const auto loading = begin(&l2_backend::load, stored);
  disk->run();
  disk->advance(30s);
  disk->run();
  CHECK_EQ((*loading)->results, results{failed, failed, failed});
  disk->release();
  CHECK_EQ(load(stored), results{ok, ok, ok});
}

TEST_CASE_FIXTURE(raw_block_twin, "failures are told apart, and too much work is refused") {
  REQUIRE_EQ(open(), "");
  slots stored{three, 1};
  disk->fail(io_kind::writev, ENOSPC, 0, 1);
  disk->fail(io_kind::writev, EIO, 0, 1);
  CHECK_EQ(store(stored), results{no_space, failed, ok});
  CHECK_EQ(store(stored), results{ok, ok, ok});
  disk->fail(io_kind::readv, EIO, 0, 1);
  CHECK_EQ(load(stored), results{failed, ok, ok});
  disk->refuse_posts = true;
  const auto report = call(&l2_backend::load, stored);
  CHECK_EQ(report.results, results{failed, failed, failed});
  CHECK_EQ(report.error, "too many calls wait for the rings");
  CHECK_EQ(probe(stored), results{ok, ok, ok});
  disk->refuse_posts = false;
}

TEST_CASE_FIXTURE(raw_block_twin, "what cannot be used is refused with the remedy") {
  const auto refused = [&](const std::string& part) {
    const auto error = open();
    CAPTURE(error);
    CHECK_NE(error.find(part), std::string::npos);
  };
  options.config.device_path = "/other";
  refused("cannot find device_path '/other': No such file or directory; name a block device, or a");
  options.config.device_path = "/disk";
  options.config.slot_bytes = 1 << 20;
  refused("/disk");
  options.config.slot_bytes = 16'384;
  options.config.header_bytes = 4095;
  refused("header_bytes 4095");
  options.config.header_bytes = 4096;
  disk->fail(io_kind::openat, EBUSY, 0, 1);
  refused("it is mounted or in use");
  disk->fail(io_kind::read, EINVAL, 0, 1);
  refused("set block_align to the device's block size");
  disk->heal();
  disk->direct = false;
  REQUIRE_EQ(open(), "");
  CHECK_EQ(status("use_odirect"), "false");
}
