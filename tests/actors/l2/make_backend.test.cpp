// Stores from their configuration.
#include "actors/l2/make_backend.hpp"

#include "actors/l2/object_dtypes.hpp"
#include "tests/fixtures/l2_objects.hpp"
#include "tests/fixtures/l2_stores.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/stat.h>

using namespace actord;
using namespace actord::fixtures;
namespace files = std::filesystem;

namespace {

using results = std::vector<l2_result>;
constexpr auto ok = l2_result::ok;

/// A folder that goes with the test.
struct scratch {
  scratch() {
    auto name = (files::temp_directory_path() / "actord_key_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~scratch() {
    files::remove_all(path);
  }
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream{path / name, std::ios::binary} << content;
    return (path / name).string();
  }
  files::path path;
};

l2_adapter_options mock_options() {
  l2_adapter_options result;
  result.type = "mock";
  result.store = mock_l2_options{1 << 20, 1e12};
  return result;
}

l2_adapter_options encrypted(const std::string& key_path) {
  auto result = mock_options();
  aesgcm_serde_options serde;
  serde.master_key_path = key_path;
  result.serde = serde;
  return result;
}

void check_round_trip(l2_backend& backend) {
  const auto objects = many(3, 5000);
  const slots written{objects, 1}, read{objects, 2};
  CHECK(call(backend, &l2_backend::store, written).results == results(3, ok));
  CHECK(call(backend, &l2_backend::load, read).results == results(3, ok));
}

} // namespace

TEST_CASE("a mock is made as asked for") {
  const auto made = make_backend(mock_options(), {});
  REQUIRE(made.backend);
  CHECK(made.backend->open().empty());
  CHECK(made.backend->capacity_bytes() == 1 << 20);
  check_round_trip(*made.backend);
}

TEST_CASE("a serde lies around the faults, which lie around the inner store") {
  const scratch folder;
  auto options = encrypted(folder.file("key", std::string(32, 'k')));
  fault_inject_l2_options faults;
  faults.inner = std::make_shared<const l2_adapter_options>(mock_options());
  faults.bit_flip_rate = 1;
  options.type = "fault_inject";
  options.store = faults;
  const auto made = make_backend(options, {});
  REQUIRE(made.backend);
  REQUIRE(made.backend->open().empty());
  const slots objects{many(2, 500), 1};
  CHECK(call(*made.backend, &l2_backend::store, objects).results == results(2, ok));
  CHECK(call(*made.backend, &l2_backend::load, objects).results == results(2, l2_result::corrupt));
  CHECK(status_of(*made.backend, "objects") == "2");
  CHECK(status_of(*made.backend, "faults_flipped") == "2");
  CHECK(status_of(*made.backend, "serde_corrupt") == "2");
}

TEST_CASE("what a store cannot do is told before it is opened, inside faults too") {
  raw_block_l2_options device;
  device.device_path = "device.img";
  device.slot_bytes = 1 << 20;
  device.use_uring_cmd = true;
  l2_adapter_options options;
  options.type = "raw_block";
  options.store = device;
  const auto made = make_backend(options, {});
  CHECK_FALSE(made.backend);
  CHECK(made.error.find("use_uring_cmd") != std::string::npos);
  l2_adapter_options outer;
  fault_inject_l2_options faults;
  faults.inner = std::make_shared<const l2_adapter_options>(options);
  outer.type = "fault_inject";
  outer.store = faults;
  CHECK(make_backend(outer, {}).error == "inner: " + made.error);
}

TEST_CASE("the whole key file is the master key, a newline included") {
  const scratch folder;
  const auto key = folder.file("key", "0123456789abcdef0123456789abcdef\n");
  const auto made = make_backend(encrypted(key), {});
  REQUIRE(made.backend);
  REQUIRE(made.backend->open().empty());
  check_round_trip(*made.backend);
  CHECK(made.backend->stored_length_bytes(an_object(1, 100)) == 129);
}

TEST_CASE("what is wrong with a key file is told at open, without what is in it") {
  const scratch folder;
  const auto pipe = (folder.path / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const std::vector<std::pair<std::string, std::string>> cases{
    {(folder.path / "missing").string(), "No such file"},
    {folder.path.string(), "no regular file"},
    {pipe, "no regular file"},
    {folder.file("empty", ""), "empty"},
    {folder.file("large", "SECRET" + std::string(1 << 20, 's')), "1 MiB"},
  };
  for (const auto& [path, reason] : cases) {
    CAPTURE(path);
    const auto made = make_backend(encrypted(path), {});
    REQUIRE(made.backend);
    const auto error = made.backend->open();
    CHECK(error.find("serde.master_key_path") != std::string::npos);
    CHECK(error.find(path.substr(0, 64)) != std::string::npos);
    CHECK(error.find(reason) != std::string::npos);
    CHECK(error.find("SECRET") == std::string::npos);
  }
}

TEST_CASE("fp8 takes element types from those who registered them") {
  object_dtypes known;
  CHECK(known.set("org/model", 2, {"", "", "", "", "", "", "", "", "", "", "float16"}));
  auto options = mock_options();
  options.serde = fp8_serde_options{};
  const auto made
    = make_backend(options, {.dtype_of = [&](const object_ref& each) { return known.find(each); }});
  REQUIRE(made.backend);
  REQUIRE(made.backend->open().empty());
  check_round_trip(*made.backend);
  CHECK(made.backend->stored_length_bytes(an_object(1, 100)) == 50);
  CHECK(made.backend->stored_length_bytes(an_object(1, 100, a_space("org/unknown"))) == 0);
  CHECK(known.set("org/model", 2, {}));
  CHECK(made.backend->stored_length_bytes(an_object(1, 100)) == 0);
}

TEST_CASE("element types are those of a model, its world and a group, for so many models") {
  object_dtypes known;
  CHECK(known.set("m", 2, {"bfloat16", "float32"}));
  auto object = an_object(1, 1, a_space("m"));
  object.object_group_id = 1;
  CHECK(known.find(object) == "float32");
  object.object_group_id = 2;
  CHECK(known.find(object).empty());
  object.object_group_id = 0;
  CHECK(known.find(object) == "bfloat16");
  object.kv_rank = pack_kv_rank(4, 0);
  CHECK(known.find(object).empty());
  for (size_t i = 1; i < object_dtypes::max_models; ++i)
    CHECK(known.set("m" + std::to_string(i), 2, {"float16"}));
  CHECK_FALSE(known.set("one too many", 2, {"float16"}));
  CHECK(known.set("m", 2, {"float16"}));
  object.kv_rank = pack_kv_rank(2, 1);
  CHECK(known.find(object) == "float16");
}
