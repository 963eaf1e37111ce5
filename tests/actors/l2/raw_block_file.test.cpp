// The device of slots on a real file, with rings.
#include "actors/l2/raw_block_backend.hpp"
#include "storage/l2_names.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace actord;
using namespace actord::fixtures;
namespace files = std::filesystem;

namespace {

using results = std::vector<l2_result>;

constexpr auto ok = l2_result::ok;

raw_block_options in(const temporary_folder& folder, uint64_t slots) {
  raw_block_options result;
  result.config.device_path = (folder.path() / "disk").string();
  result.config.slot_bytes = 16'384;
  result.config.meta_total_bytes = 1 << 20;
  std::ofstream{result.config.device_path};
  files::resize_file(result.config.device_path, (1 << 20) + slots * 16'384);
  return result;
}

std::vector<object_ref> numbered(uint8_t first, uint8_t count) {
  std::vector<object_ref> result;
  for (uint8_t i = 0; i < count; ++i)
    result.push_back(an_object(static_cast<uint8_t>(first + i), 12'288u - i));
  return result;
}

std::string status_of(const raw_block_backend& backend, const std::string& name) {
  for (const auto& [key, value] : backend.status())
    if (key == name)
      return value;
  return "no such entry";
}

} // namespace

TEST_CASE("a device keeps what it was given, with and without the page cache") {
  temporary_folder folder;
  for (auto direct : {false, true}) {
    auto options = in(folder, 64);
    options.use_odirect = direct;
    slots stored{numbered(0, 40), 1};
    {
      raw_block_backend uut{options};
      REQUIRE_EQ(uut.open(), "");
      CHECK_EQ(call(uut, &l2_backend::store, stored).results, results(40, ok));
    }
    raw_block_backend uut{options};
    REQUIRE_EQ(uut.open(), "");
    slots loaded{numbered(0, 40), 2};
    CHECK_EQ(call(uut, &l2_backend::load, loaded).results, results(40, ok));
    for (size_t i = 0; i < 40; ++i)
      CHECK(loaded.bytes(i) == stored.bytes(i));
    CHECK_EQ(status_of(uut, "loaded_unverified"), "0");
    CHECK_EQ(files::file_size(options.config.device_path), (1u << 20) + 64 * 16'384u);
    CHECK_EQ(uut.capacity_bytes(), 64 * 16'384u);
  }
}

TEST_CASE("two daemons never own one device") {
  temporary_folder folder;
  const auto options = in(folder, 8);
  auto first = std::make_unique<raw_block_backend>(options);
  REQUIRE_EQ(first->open(), "");
  {
    raw_block_backend second{options};
    const auto error = second.open();
    CAPTURE(error);
    CHECK_NE(error.find("another process uses it: one daemon owns a device at a time"),
             std::string::npos);
  }
  first.reset();
  raw_block_backend third{options};
  CHECK_EQ(third.open(), "");
}

TEST_CASE("folders, missing files and files without room are refused, and none is made") {
  temporary_folder folder;
  auto options = in(folder, 8);
  const auto refused = [&options](const std::string& part) {
    const auto error = raw_block_backend{options}.open();
    CAPTURE(error);
    CHECK_NE(error.find(part), std::string::npos);
  };
  files::resize_file(options.config.device_path, 1 << 20);
  refused("use a larger device or file (it is never grown)");
  options.config.device_path = folder.path().string();
  refused("is neither a block device nor a regular file");
  options.config.device_path += "/none";
  refused("No such file or directory");
  CHECK_FALSE(files::exists(options.config.device_path));
}

TEST_CASE("checkpoints are written while it serves") {
  temporary_folder folder;
  auto options = in(folder, 8);
  options.checkpoint_interval_ms = 20;
  options.quiet_ms = 1;
  raw_block_backend uut{options};
  REQUIRE_EQ(uut.open(), "");
  slots stored{numbered(0, 2), 1};
  CHECK_EQ(call(uut, &l2_backend::store, stored).results, results(2, ok));
  for (int i = 0; i < 1000 && status_of(uut, "metadata_persisted") != "2"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK_EQ(status_of(uut, "metadata_persisted"), "2");
}

TEST_CASE("stores, loads, removals, scans and checkpoints at once are all answered") {
  temporary_folder folder;
  auto options = in(folder, 40);
  options.checkpoint_interval_ms = 5;
  options.quiet_ms = 0;
  std::atomic<int> answered = 0, wrong = 0;
  std::vector<slots> batches;
  for (uint8_t i = 0; i < 12; ++i)
    batches.emplace_back(numbered(static_cast<uint8_t>(i * 10), 10), i);
  constexpr int rounds = 40;
  {
    raw_block_backend uut{options};
    REQUIRE_EQ(uut.open(), "");
    const auto told = [&](const l2_report& report) {
      ++answered;
      for (auto each : report.results)
        wrong += each == l2_result::corrupt || each == l2_result::failed;
    };
    for (int round = 0; round < rounds; ++round) {
      const auto& batch = batches[static_cast<size_t>(round) % batches.size()];
      std::promise<void> stored;
      uut.store(batch.batch(), [&](const l2_report& report) {
        told(report);
        stored.set_value();
      });
      uut.scan([](const std::vector<l2_found>&) {});
      stored.get_future().wait();
      std::promise<void> loaded;
      uut.load(batch.batch(), [&](const l2_report& report) {
        told(report);
        loaded.set_value();
      });
      loaded.get_future().wait();
      uut.erase(batch.batch(), told);
    }
  }
  CHECK_EQ(answered, 3 * rounds);
  CHECK_EQ(wrong, 0);
}
