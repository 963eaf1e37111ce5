// The folder of objects over the twin of the ring: every fault, and a stop at every step.
#include "actors/l2/fs_attribute.hpp"
#include "actors/l2/fs_backend.hpp"
#include "actors/l2/fs_names.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/memory_files.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
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

fs_options plain() {
  fs_options result;
  result.base_path = "/store";
  result.rings = 1;
  result.lanes = 2;
  return result;
}

/// A backend over files in memory that outlive it.
struct fixture {
  std::shared_ptr<memory_files> disk = std::make_shared<memory_files>();
  fs_options options = plain();
  std::optional<fs_backend> uut;

  std::string open() {
    uut.reset();
    uut.emplace(options, std::vector<std::shared_ptr<runtime::io_backend>>{disk});
    return uut->open();
  }

  /// Begins a call; the report comes once the disk has run.
  std::shared_ptr<std::optional<l2_report>> begin(l2_call what, const slots& objects) {
    auto told = std::make_shared<std::optional<l2_report>>();
    ((*uut).*what)(objects.batch(), [told](l2_report report) { *told = std::move(report); });
    return told;
  }

  l2_report call(l2_call what, const slots& objects) {
    auto told = begin(what, objects);
    disk->run();
    REQUIRE(told->has_value());
    return **told;
  }
  results store(const slots& objects) {
    return call(&l2_backend::store, objects).results;
  }
  results load(const slots& objects) {
    return call(&l2_backend::load, objects).results;
  }

  std::string path_of(const object_ref& object) const {
    return "/store/" + fs_paths_of(object, options.shard_dirs).at;
  }
  memory_files::file& file_of(const object_ref& object) const {
    REQUIRE(disk->at(path_of(object)));
    return *disk->at(path_of(object));
  }
  std::string status(const std::string& name) const {
    for (const auto& [key, value] : uut->status())
      if (key == name)
        return value;
    return "no such entry";
  }
  size_t temporaries() const {
    size_t count = 0;
    for (const auto& name : disk->names())
      count += name.ends_with(".tmp");
    return count;
  }
};

const std::vector<object_ref> two{an_object(1, 10'000), an_object(2, 300)};

} // namespace

TEST_CASE_FIXTURE(fixture, "reads and writes that move a few bytes at a time are gone on with") {
  options.use_odirect = false;
  SUBCASE("odd parts") {
    disk->part_bytes = 7;
  }
  SUBCASE("direct, in blocks") {
    options.use_odirect = true;
    disk->part_bytes = 512;
  }
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  CHECK_EQ(store(stored), results{ok, ok});
  CHECK_EQ(file_of(two[0]).bytes, stored.bytes(0));
  CHECK_EQ(load(loaded), results{ok, ok});
  CHECK_EQ(loaded.bytes(0), stored.bytes(0));
  CHECK_EQ(loaded.bytes(1), stored.bytes(1));
  CHECK_EQ(status("loaded_unverified"), "0");
}

TEST_CASE_FIXTURE(fixture, "a failed store leaves nothing behind and says what failed") {
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  auto expected = failed;
  std::string text;
  SUBCASE("no space after some bytes") {
    disk->room_bytes = 5000;
    expected = no_space;
    text = "No space left on device";
  }
  SUBCASE("quota") {
    disk->fail(io_kind::write, EDQUOT);
    expected = no_space;
    text = "Disk quota exceeded";
  }
  SUBCASE("read-only") {
    disk->fail(io_kind::openat, EROFS);
    expected = no_space;
    text = "Read-only file system";
  }
  SUBCASE("told at close") {
    disk->fail(io_kind::close, ENOSPC);
    expected = no_space;
    text = "No space left on device";
  }
  SUBCASE("input/output error") {
    disk->fail(io_kind::write, EIO);
    text = "Input/output error";
  }
  SUBCASE("no descriptors") {
    disk->open_files = disk->count_open();
    text = "Too many open files";
  }
  SUBCASE("attribute") {
    disk->fail(io_kind::fsetxattr, EIO);
    text = "Input/output error";
  }
  SUBCASE("rename") {
    disk->fail(io_kind::renameat, EIO);
    text = "Input/output error";
  }
  SUBCASE("look") {
    disk->fail(io_kind::statx, EACCES);
    text = "Permission denied";
  }
  const auto report = call(&l2_backend::store, stored);
  CHECK_EQ(report.results[0], expected);
  CHECK_NE(report.error.find(text), std::string::npos);
  CHECK_NE(report.error.find(" object 0"), std::string::npos);
  CHECK_EQ(temporaries(), 0u);
  disk->heal();
  CHECK_EQ(load(loaded)[0], absent);
  CHECK_EQ(store(stored), results{ok, ok});
  CHECK_EQ(load(loaded), results{ok, ok});
  CHECK_EQ(loaded.bytes(0), stored.bytes(0));
}

TEST_CASE_FIXTURE(fixture, "a failed load is no miss and closes its file") {
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  store(stored);
  const auto before = disk->count_open();
  SUBCASE("open") {
    disk->fail(io_kind::openat, EMFILE, 0, 1);
  }
  SUBCASE("read") {
    disk->fail(io_kind::read, EIO, 1, 2); // what asks the page cache falls back to the long way
  }
  SUBCASE("attribute") {
    disk->fail(io_kind::fgetxattr, EIO, 0, 1);
  }
  SUBCASE("status") {
    disk->fail(io_kind::statx, EIO, 0, 1);
  }
  const auto report = call(&l2_backend::load, loaded);
  CHECK_EQ(std::count(report.results.begin(), report.results.end(), failed), 1);
  CHECK_EQ(std::count(report.results.begin(), report.results.end(), ok), 1);
  CHECK_EQ(disk->count_open(), before);
}

TEST_CASE_FIXTURE(fixture, "an object that is there already is not written again") {
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, other{two, 2};
  store(stored);
  CHECK_EQ(store(other), results{ok, ok});
  CHECK_EQ(file_of(two[0]).bytes, stored.bytes(0));
  CHECK_EQ(status("found_stored"), "2");
  file_of(two[0]).bytes += std::string(options.align_bytes, 'x'); // not one of these
  CHECK_EQ(store(other), results{ok, ok});
  CHECK_EQ(file_of(two[0]).bytes, other.bytes(0));
}

TEST_CASE_FIXTURE(fixture, "bytes that are not those that were stored are never served") {
  REQUIRE_EQ(open(), "");
  const std::vector<object_ref> pair{an_object(1, 5000), an_object(2, 5000)};
  slots stored{pair, 1}, loaded{pair, 2};
  store(stored);
  auto& first = file_of(pair[0]);
  results expected{corrupt, ok};
  SUBCASE("cut off") {
    first.bytes.resize(4999);
    expected[0] = wrong_length;
  }
  SUBCASE("empty") {
    first.bytes.clear();
    expected[0] = wrong_length;
  }
  SUBCASE("torn: the rest is zeros") {
    first.bytes.replace(2500, 2500, 2500, '\0');
  }
  SUBCASE("one bit flipped") {
    first.bytes[4321] = static_cast<char>(first.bytes[4321] ^ 4);
  }
  SUBCASE("two files exchanged") {
    disk->exchange(path_of(pair[0]), path_of(pair[1]));
    expected = {corrupt, corrupt};
  }
  SUBCASE("oversized by a block") {
    first.bytes.resize(5000 + options.align_bytes);
    expected[0] = wrong_length;
  }
  SUBCASE("an attribute that is none") {
    first.attributes[fs_attribute_name].pop_back();
  }
  SUBCASE("an attribute that is too long") {
    first.attributes[fs_attribute_name] += 'x';
  }
  SUBCASE("an attribute of another length") {
    const auto other = encode({4999, fs_checksum({stored.batch()->front().bytes, 5000}),
                               fs_identity(fs_paths_of(pair[0], false).file)});
    first.attributes[fs_attribute_name]
      = {reinterpret_cast<const char*>(other.data()), other.size()};
    expected[0] = wrong_length;
  }
  CHECK_EQ(load(loaded), expected);
  if (expected[0] == corrupt) {
    CHECK_EQ(load(loaded)[0], absent);
    CHECK(disk->at("/store/.quarantine/" + fs_paths_of(pair[0], false).file));
    CHECK_EQ(store(stored)[0], ok);
    CHECK_EQ(load(loaded)[0], ok);
  }
}

TEST_CASE_FIXTURE(fixture, "padding below the alignment, as the Python server leaves it, is fine") {
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  store(stored);
  for (const auto& object : two) {
    auto& file = file_of(object);
    file.attributes.clear();
    file.bytes.resize(object.length_bytes + options.align_bytes - 1, '#');
  }
  CHECK_EQ(load(loaded), results{ok, ok});
  CHECK_EQ(loaded.bytes(0), stored.bytes(0));
  CHECK_EQ(status("loaded_unverified"), "2");
}

TEST_CASE_FIXTURE(fixture, "quarantine keeps so many files and no more") {
  options.quarantine_files = 1;
  REQUIRE_EQ(open(), "");
  slots stored{two, 1};
  store(stored);
  for (const auto& object : two)
    file_of(object).bytes[0] = static_cast<char>(file_of(object).bytes[0] ^ 1);
  CHECK_EQ(load(stored), results{corrupt, corrupt});
  CHECK_EQ(disk->names().size(), 1u);
  CHECK_EQ(status("quarantined"), "1");
}

TEST_CASE_FIXTURE(fixture, "where no attributes can be kept, objects are served unverified") {
  disk->attributes = false;
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  CHECK_EQ(store(stored), results{ok, ok});
  CHECK_EQ(load(loaded), results{ok, ok});
  CHECK_EQ(status("stored_without_checksum"), "2");
  CHECK_EQ(status("loaded_unverified"), "2");
}

TEST_CASE_FIXTURE(fixture, "where O_DIRECT is refused, files go through the page cache") {
  options.use_odirect = true;
  disk->direct = false;
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  CHECK_EQ(store(stored), results{ok, ok});
  CHECK_EQ(load(loaded), results{ok, ok});
  CHECK_EQ(loaded.bytes(0), stored.bytes(0));
  CHECK_EQ(temporaries(), 0u);
  CHECK_EQ(status("buffered"), "4");
}

TEST_CASE_FIXTURE(fixture,
                  "a call that hangs ends with its time limit, and not a byte moves later") {
  options.lanes = 1;
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  store(stored);
  const auto before = loaded.bytes(0);
  disk->hang(io_kind::read);
  auto told = begin(&l2_backend::load, loaded);
  disk->run();
  CHECK_FALSE(told->has_value());
  disk->advance(std::chrono::milliseconds(options.load_limit_ms));
  disk->run();
  REQUIRE(told->has_value());
  CHECK_EQ((*told)->results, results{failed, failed});
  CHECK_NE((*told)->error.find("timed out"), std::string::npos);
  disk->release();
  disk->run();
  CHECK_EQ(loaded.bytes(0), before);
}

TEST_CASE_FIXTURE(fixture, "a store that hangs ends with its time limit and tidies up") {
  REQUIRE_EQ(open(), "");
  slots stored{two, 1};
  disk->hang(io_kind::write);
  auto told = begin(&l2_backend::store, stored);
  disk->run();
  CHECK_FALSE(told->has_value());
  disk->advance(std::chrono::milliseconds(options.store_limit_ms));
  disk->run();
  REQUIRE(told->has_value());
  CHECK_EQ((*told)->results, results{failed, failed});
  CHECK_EQ(temporaries(), 0u);
}

TEST_CASE_FIXTURE(fixture, "calls that find no place are answered at once") {
  REQUIRE_EQ(open(), "");
  slots stored{two, 1};
  disk->refuse_posts = true;
  auto told = begin(&l2_backend::store, stored);
  REQUIRE(told->has_value());
  CHECK_EQ((*told)->results, results{failed, failed});
  CHECK_EQ((*told)->error, "too many calls wait for the rings");
  disk->refuse_posts = false;
}

TEST_CASE_FIXTURE(fixture, "a folder that cannot be used is refused with the reason") {
  SUBCASE("folder") {
    disk->fail(io_kind::mkdirat, EACCES);
    CHECK_EQ(open(), "cannot create folder \"/store\": Permission denied; create it and give it to "
                     "the daemon's user, or name another base_path");
  }
  SUBCASE("writing") {
    disk->room_bytes = 0;
    CHECK_NE(open().find("No space left on device"), std::string::npos);
  }
  SUBCASE("renaming") {
    disk->fail(io_kind::renameat, EXDEV);
    CHECK_NE(open().find("relative_tmp_dir must be on the same volume"), std::string::npos);
  }
  SUBCASE("removing") {
    disk->fail(io_kind::unlinkat, EPERM);
    CHECK_NE(open().find("cannot remove a file"), std::string::npos);
  }
  SUBCASE("upwards") {
    options.relative_tmp_dir = "a/../../b";
    CHECK_NE(open().find("leads upwards"), std::string::npos);
  }
}

TEST_CASE_FIXTURE(fixture, "after a stop at any step every object is served whole or not at all") {
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

TEST_CASE_FIXTURE(fixture, "what was synced before it got its name survives a loss of power") {
  options.fsync = fs_sync::file;
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  store(stored);
  disk->restart(true);
  REQUIRE_EQ(open(), "");
  CHECK_EQ(load(loaded), results{ok, ok});
}
