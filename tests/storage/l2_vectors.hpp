// Names and bytes of L2 stores as the peer makes them.
#pragma once

#include "storage/object_key.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>

namespace actord::test {

inline const nlohmann::json& l2_vectors() {
  static const auto all = nlohmann::json::parse(std::ifstream{ACTORD_TEST_DATA "/l2_names.json"});
  return all;
}

/// The key of a vector; short hashes, which ours never are, are filled up with zeros.
inline object_key key_of(const nlohmann::json& vector) {
  auto hex = vector.at("chunk_hash_hex").get<std::string>();
  hex.resize(64, '0');
  auto hash = parse_chunk_hash(hex);
  REQUIRE(hash);
  return {*hash, vector.at("model_name"), vector.at("kv_rank"), vector.at("object_group_id"),
          vector.at("cache_salt")};
}

} // namespace actord::test
