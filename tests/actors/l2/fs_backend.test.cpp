// The folder of objects on a real file system.
#include "actors/l2/fs_backend.hpp"

#include "actors/l2/fs_attribute.hpp"
#include "actors/l2/fs_names.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sys/xattr.h>

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
