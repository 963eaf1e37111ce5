#include "storage/object_key.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>

using namespace actord;

namespace {

nlohmann::json vectors(const char* topic) {
  std::ifstream file{ACTORD_TEST_DATA "/hash.json"};
  REQUIRE(file.good());
  return nlohmann::json::parse(file)[topic];
}

} // namespace

TEST_CASE("shard positions pack as the peer's") {
  size_t checked = 0;
  for (const auto& vector : vectors("kv_rank")) {
    uint32_t world = vector["world_size"], rank = vector["global_rank"];
    // Local positions that differ from the global ones and worlds above 255 are never sent.
    if (world > max_world_size || vector["local_world_size"] != world)
      continue;
    CHECK_EQ(pack_kv_rank(world, rank), vector["kv_rank"].get<uint32_t>());
    ++checked;
  }
  CHECK_EQ(checked, 5);
}

TEST_CASE("hashes come back from their hex, and only from the one spelling") {
  chunk_hash hash;
  for (size_t i = 0; i < hash.bytes.size(); ++i)
    hash.bytes[i] = static_cast<uint8_t>(0xf9 + i);
  const auto hex = to_hex(hash);
  CHECK_EQ(hex.substr(0, 18), "f9fafbfcfdfeff0001");
  CHECK(parse_chunk_hash(hex) == hash);
  for (const auto& bad : {hex + "0", hex.substr(1), "F" + hex.substr(1), "g" + hex.substr(1),
                          " " + hex.substr(1), std::string{}})
    CHECK_FALSE(parse_chunk_hash(bad));
}

TEST_CASE("names that would break a key's text form are refused") {
  CHECK(model_name_error("org/model-x").empty());
  CHECK_FALSE(model_name_error("a@b").empty());
  CHECK_FALSE(model_name_error(std::string_view{"a\0b", 3}).empty());
  CHECK(cache_salt_error("").empty());
  CHECK(cache_salt_error("tenant-1").empty());
  for (auto salt : {"a@b", "a/b", "a\\b"})
    CHECK_FALSE(cache_salt_error(salt).empty());
  CHECK_FALSE(cache_salt_error(std::string_view{"a\0", 2}).empty());
}

TEST_CASE("salts are limited in characters and not in bytes") {
  std::string two_bytes_each;
  for (int i = 0; i < 128; ++i)
    two_bytes_each += "\xc3\xa4";
  CHECK(cache_salt_error(two_bytes_each).empty());
  CHECK_FALSE(cache_salt_error(two_bytes_each + "x").empty());
}
