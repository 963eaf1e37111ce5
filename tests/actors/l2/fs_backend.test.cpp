// The folder of objects on a real file system.
#include "actors/l2/fs_backend.hpp"

#include "actors/l2/fs_names.hpp"
#include "actors/l2/fs_walk.hpp"
#include "runtime/io_blocking.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sys/stat.h>

using namespace actord;
using namespace actord::fixtures;
namespace files = std::filesystem;

namespace {

using results = std::vector<l2_result>;

constexpr auto ok = l2_result::ok;
constexpr auto absent = l2_result::absent;
constexpr auto wrong_length = l2_result::wrong_length;
constexpr auto corrupt = l2_result::corrupt;

fs_options in(const temporary_folder& folder) {
  fs_options result;
  result.base_path = (folder.path() / "objects").string();
  return result;
}

std::string content(const files::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write(const files::path& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary} << bytes;
}

files::path path_of(const fs_options& options, const object_ref& object) {
  return files::path(options.base_path) / fs_paths_of(object, options.shard_dirs).at;
}

std::string status_of(const fs_backend& backend, const std::string& name) {
  for (const auto& [key, value] : backend.status())
    if (key == name)
      return value;
  return "no such entry";
}

const std::vector<object_ref> three{an_object(1, 10'000), an_object(2, 4096), an_object(3, 1)};

/// Every way to keep objects.
std::vector<fs_options> ways(const temporary_folder& folder) {
  std::vector<fs_options> result;
  for (auto direct : {false, true})
    for (auto shards : {false, true})
      for (auto verify : {false, true}) {
        auto options = in(folder);
        options.base_path += std::to_string(result.size());
        options.use_odirect = direct;
        options.shard_dirs = shards;
        options.verify_checksums = verify;
        options.fsync = direct ? fs_sync::all : shards ? fs_sync::file : fs_sync::off;
        options.relative_tmp_dir = verify ? "t/u" : "";
        options.read_ahead_size = shards ? 512 : 0;
        result.push_back(options);
      }
  return result;
}

} // namespace

TEST_CASE("what is stored is found, loaded and removed, in every mode, and files hold it alone") {
  temporary_folder folder;
  for (const auto& options : ways(folder)) {
    CAPTURE(options.base_path);
    fs_backend uut{options};
    REQUIRE_EQ(uut.open(), "");
    slots stored{three, 1}, loaded{three, 2};
    CHECK_EQ(call(uut, &l2_backend::probe, stored).results, results{absent, absent, absent});
    CHECK_EQ(call(uut, &l2_backend::load, stored).results, results{absent, absent, absent});
    auto report = call(uut, &l2_backend::store, stored);
    CHECK_EQ(report.results, results{ok, ok, ok});
    CHECK_EQ(report.error, "");
    CHECK_EQ(report.stored_bytes, std::vector<uint64_t>{10'000, 4096, 1});
    report = call(uut, &l2_backend::probe, stored);
    CHECK_EQ(report.results, results{ok, ok, ok});
    CHECK_EQ(report.stored_bytes, std::vector<uint64_t>{10'000, 4096, 1});
    CHECK_EQ(call(uut, &l2_backend::load, loaded).results, results{ok, ok, ok});
    for (size_t i = 0; i < three.size(); ++i) {
      CHECK(loaded.bytes(i) == stored.bytes(i));
      CHECK(content(path_of(options, three[i])) == stored.bytes(i));
    }
    CHECK_EQ(status_of(uut, "loaded"), "3");
    CHECK_EQ(status_of(uut, "loaded_unverified"), options.verify_checksums ? "0" : "3");
    CHECK_EQ(status_of(uut, "buffered"), "0");
    CHECK_EQ(call(uut, &l2_backend::erase, stored).results, results{ok, ok, ok});
    CHECK_EQ(call(uut, &l2_backend::erase, stored).results, results{absent, absent, absent});
    for (const auto& entry : files::recursive_directory_iterator(options.base_path))
      CHECK_MESSAGE(entry.is_directory(), entry.path().string());
  }
}

TEST_CASE("blocking threads do what rings do") {
  temporary_folder folder;
  std::vector<std::shared_ptr<runtime::io_backend>> threads;
  for (int i = 0; i < 3; ++i)
    threads.push_back(std::make_shared<runtime::io_blocking>(8));
  fs_backend uut{in(folder), threads};
  REQUIRE_EQ(uut.open(), "");
  slots stored{three, 1}, loaded{three, 2};
  CHECK_EQ(call(uut, &l2_backend::store, stored).results, results{ok, ok, ok});
  CHECK_EQ(call(uut, &l2_backend::load, loaded).results, results{ok, ok, ok});
  for (size_t i = 0; i < three.size(); ++i)
    CHECK(loaded.bytes(i) == stored.bytes(i));
}

TEST_CASE("files of the Python server are served, flat ones also where folders are by hash") {
  temporary_folder folder;
  for (auto direct : {false, true})
    for (auto shards : {false, true}) {
      auto options = in(folder);
      options.base_path += std::string(direct ? "d" : "b") + (shards ? "s" : "f");
      options.use_odirect = direct;
      options.shard_dirs = shards;
      fs_backend uut{options};
      REQUIRE_EQ(uut.open(), "");
      slots theirs{three, 1}, loaded{three, 2};
      for (size_t i = 0; i < three.size(); ++i) {
        // With O_DIRECT it pads objects with whatever lies behind them.
        const auto padding = direct && i == 0 ? 12'288 - three[i].length_bytes : 0;
        write(files::path(options.base_path) / fs_paths_of(three[i], false).file,
              theirs.bytes(i) + std::string(padding, '#'));
      }
      CHECK_EQ(call(uut, &l2_backend::probe, loaded).results, results{ok, ok, ok});
      CHECK_EQ(call(uut, &l2_backend::load, loaded).results, results{ok, ok, ok});
      for (size_t i = 0; i < three.size(); ++i)
        CHECK(loaded.bytes(i) == theirs.bytes(i));
      CHECK_EQ(status_of(uut, "loaded_unverified"), "3");
      CHECK_EQ(call(uut, &l2_backend::store, loaded).results, results{ok, ok, ok});
      CHECK_EQ(status_of(uut, "found_stored"), "3");
      CHECK_EQ(call(uut, &l2_backend::erase, loaded).results, results{ok, ok, ok});
      CHECK_EQ(call(uut, &l2_backend::probe, loaded).results, results{absent, absent, absent});
    }
}

TEST_CASE("torn, cut off, flipped, exchanged and oversized files are all found out") {
  temporary_folder folder;
  for (auto direct : {false, true}) {
    auto options = in(folder);
    options.base_path += direct ? "d" : "b";
    options.use_odirect = direct;
    fs_backend uut{options};
    REQUIRE_EQ(uut.open(), "");
    std::vector<object_ref> six;
    for (uint8_t i = 0; i < 6; ++i)
      six.push_back(an_object(i, 300'000));
    slots stored{six, 1}, loaded{six, 2};
    REQUIRE_EQ(call(uut, &l2_backend::store, stored).results, results(6, ok));
    std::vector<files::path> paths;
    for (const auto& object : six)
      paths.push_back(path_of(options, object));
    files::resize_file(paths[0], 150'000);
    files::resize_file(paths[0], 300'000); // torn: zeros
    files::resize_file(paths[1], 299'999);
    files::resize_file(paths[2], 304'096);
    {
      std::fstream file{paths[3], std::ios::in | std::ios::out | std::ios::binary};
      file.seekp(200'000);
      file.put(static_cast<char>(stored.bytes(3)[200'000] ^ 1));
    }
    files::rename(paths[4], paths[4].string() + ".x");
    files::rename(paths[5], paths[4]);
    files::rename(paths[4].string() + ".x", paths[5]);
    CHECK_EQ(call(uut, &l2_backend::load, loaded).results,
             results{corrupt, wrong_length, wrong_length, corrupt, corrupt, corrupt});
    CHECK_EQ(status_of(uut, "quarantined"), "4");
    CHECK_EQ(call(uut, &l2_backend::probe, loaded).results,
             results{absent, wrong_length, wrong_length, absent, absent, absent});
    CHECK_EQ(call(uut, &l2_backend::store, stored).results, results(6, ok));
    CHECK_EQ(call(uut, &l2_backend::load, loaded).results, results(6, ok));
  }
}

TEST_CASE("names that belong to folders, links and pipes are misses") {
  temporary_folder folder;
  const auto options = in(folder);
  fs_backend uut{options};
  REQUIRE_EQ(uut.open(), "");
  files::create_directory(path_of(options, three[0]));
  files::create_symlink("/dev/zero", path_of(options, three[1]));
  REQUIRE_EQ(::mkfifo(path_of(options, three[2]).c_str(), 0600), 0);
  slots loaded{three, 1};
  const auto before = loaded.bytes(1);
  const auto report = call(uut, &l2_backend::load, loaded);
  CHECK_EQ(report.results, results{absent, absent, absent});
  CHECK(loaded.bytes(1) == before);
  CHECK_EQ(call(uut, &l2_backend::probe, loaded).results, results{absent, absent, absent});
}

namespace {

std::map<std::string, l2_found> scan(fs_backend& backend, size_t& largest_page) {
  auto told = std::make_shared<std::promise<std::map<std::string, l2_found>>>();
  auto all = std::make_shared<std::map<std::string, l2_found>>();
  auto answer = told->get_future();
  backend.scan([told, all, &largest_page](std::vector<l2_found> page) {
    largest_page = std::max(largest_page, page.size());
    for (const auto& found : page)
      all->emplace(fs_paths_of(found.object, false).file, found);
    if (page.empty())
      told->set_value(*all);
  });
  return answer.get();
}

} // namespace

TEST_CASE("a scan finds every object, with length and time, and nothing else") {
  temporary_folder folder;
  for (auto shards : {false, true}) {
    auto options = in(folder);
    options.base_path += shards ? "s" : "f";
    options.shard_dirs = shards;
    fs_backend uut{options};
    REQUIRE_EQ(uut.open(), "");
    std::vector<object_ref> objects;
    for (int i = 0; i < 2100; ++i) {
      auto object = an_object(static_cast<uint8_t>(i), 1 + static_cast<uint64_t>(i % 7),
                              a_space("org/m", i % 2 == 0 ? "" : "salt" + std::to_string(i % 300)));
      object.hash.bytes[1] = static_cast<uint8_t>(i >> 8);
      objects.push_back(object);
    }
    slots stored{objects, 1};
    REQUIRE_EQ(call(uut, &l2_backend::store, stored).results, results(objects.size(), ok));
    const files::path base = options.base_path;
    write(base / "stray.data", "x");
    write(base / "other.tmp", "x");
    files::create_directory(base / "zz");
    files::create_directory(base / (fs_paths_of(an_object(99, 1), false).file)); // no file
    size_t largest_page = 0;
    const auto found = scan(uut, largest_page);
    CHECK_EQ(found.size(), objects.size());
    CHECK_LE(largest_page, 1000u);
    size_t right = 0;
    for (const auto& object : objects)
      if (const auto at = found.find(fs_paths_of(object, false).file); at != found.end())
        right += at->second.object.length_bytes == object.length_bytes
                 && at->second.object.space->model_name == "org/m"
                 && at->second.object.space->world_size == 2 && at->second.modified_ms != 0;
    CHECK_EQ(right, objects.size());
  }
}

TEST_CASE("temporary files that lay for an hour go, others stay") {
  temporary_folder folder;
  auto options = in(folder);
  options.relative_tmp_dir = "t";
  const files::path base = options.base_path;
  files::create_directories(base / "t");
  const auto object = fs_paths_of(three[0], false).file;
  const auto old_time = files::file_time_type::clock::now() - std::chrono::hours(2);
  for (const auto& path :
       {base / "old.tmp", base / object, base / "t" / object, base / "t" / "old.tmp"}) {
    write(path, "x");
    files::last_write_time(path, old_time);
  }
  write(base / "new.tmp", "x");
  write(base / "t" / "new.data", "x");
  const std::atomic<bool> go_on = false;
  CHECK_EQ(sweep_fs(options, go_on, std::time(nullptr)), 3u);
  CHECK(files::exists(base / object));
  CHECK(files::exists(base / "new.tmp"));
  CHECK(files::exists(base / "t" / "new.data"));
}

TEST_CASE("a folder that cannot be made is refused with path, reason and remedy") {
  temporary_folder folder;
  write(folder.path() / "objects", "a file");
  fs_backend uut{in(folder)};
  const auto error = uut.open();
  CHECK_NE(error.find("objects\": Not a directory; "), std::string::npos);
}

TEST_CASE("many calls at once are all answered, and the end waits for them") {
  temporary_folder folder;
  std::vector<object_ref> objects;
  for (uint8_t i = 0; i < 40; ++i)
    objects.push_back(an_object(i, 5000));
  slots stored{objects, 1};
  std::atomic<int> answered = 0, good = 0;
  {
    auto options = in(folder);
    options.ring_entries = 4;
    fs_backend uut{options};
    REQUIRE_EQ(uut.open(), "");
    for (int i = 0; i < 50; ++i)
      uut.store(stored.batch(), [&](const l2_report& report) {
        ++answered;
        good += report.results == results(objects.size(), ok);
      });
  }
  CHECK_EQ(answered, 50);
  CHECK_EQ(good, 50);
}
