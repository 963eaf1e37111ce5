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

/// The vectors hold short hashes too; ours have 32 bytes: pads with zeros.
std::string padded(std::string hex) {
  hex.resize(64, '0');
  return hex;
}

chunk_hash hash_of(const std::string& hex) {
  chunk_hash result;
  for (size_t i = 0; i < result.bytes.size(); ++i)
    result.bytes[i] = static_cast<uint8_t>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  return result;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

} // namespace

TEST_CASE("text forms of keys equal the peer's") {
  size_t checked = 0;
  for (const auto& vector : vectors("object_key_strings")) {
    auto hex = vector["chunk_hash_hex"].get<std::string>();
    object_key key{hash_of(padded(hex)), vector["model_name"], vector["kv_rank"],
                   vector["object_group_id"], vector["cache_salt"]};
    CHECK_EQ(remote_name(key), replaced(vector["remote_string"], hex, padded(hex)));
    CHECK_EQ(file_name(key), replaced(vector["fs_filename"], hex, padded(hex)));
    ++checked;
  }
  CHECK_EQ(checked, 3);
}

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

TEST_CASE("large group numbers are spelled in plain hex") {
  object_key key{{}, "m", pack_kv_rank(1, 0), UINT32_MAX, ""};
  CHECK_EQ(remote_name(key), "m@01000100@ffffffff@" + std::string(64, '0'));
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
