// The folder of objects over the twin of the ring: every fault.
#include "actors/l2/fs_attribute.hpp"
#include "actors/l2/fs_names.hpp"
#include "tests/fixtures/fs_twin.hpp"

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

const std::vector<object_ref> two{an_object(1, 10'000), an_object(2, 300)};

} // namespace

TEST_CASE_FIXTURE(fs_twin, "reads and writes that move a few bytes at a time are gone on with") {
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

TEST_CASE_FIXTURE(fs_twin, "a failed store leaves nothing behind and says what failed") {
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

TEST_CASE_FIXTURE(fs_twin, "a failed load is no miss and closes its file") {
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

TEST_CASE_FIXTURE(fs_twin, "an object that is there already is not written again") {
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

TEST_CASE_FIXTURE(fs_twin, "bytes that are not those that were stored are never served") {
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

TEST_CASE_FIXTURE(fs_twin, "padding below the alignment, as the Python server leaves it, is fine") {
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

TEST_CASE_FIXTURE(fs_twin, "quarantine keeps so many files and no more") {
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

TEST_CASE_FIXTURE(fs_twin, "where no attributes can be kept, objects are served unverified") {
  disk->attributes = false;
  REQUIRE_EQ(open(), "");
  slots stored{two, 1}, loaded{two, 2};
  CHECK_EQ(store(stored), results{ok, ok});
  CHECK_EQ(load(loaded), results{ok, ok});
  CHECK_EQ(status("stored_without_checksum"), "2");
  CHECK_EQ(status("loaded_unverified"), "2");
}

TEST_CASE_FIXTURE(fs_twin, "where O_DIRECT is refused, files go through the page cache") {
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

TEST_CASE_FIXTURE(fs_twin,
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

TEST_CASE_FIXTURE(fs_twin, "a store that hangs ends with its time limit and tidies up") {
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

TEST_CASE_FIXTURE(fs_twin, "calls that find no place are answered at once") {
  REQUIRE_EQ(open(), "");
  slots stored{two, 1};
  disk->refuse_posts = true;
  auto told = begin(&l2_backend::store, stored);
  REQUIRE(told->has_value());
  CHECK_EQ((*told)->results, results{failed, failed});
  CHECK_EQ((*told)->error, "too many calls wait for the rings");
  disk->refuse_posts = false;
}

TEST_CASE_FIXTURE(fs_twin, "a folder that cannot be used is refused with the reason") {
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
