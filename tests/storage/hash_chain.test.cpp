#include "storage/hash_chain.hpp"

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

std::vector<std::string> hex_of(const std::vector<chunk_hash>& chain) {
  std::vector<std::string> result;
  for (const auto& hash : chain)
    result.push_back(to_hex(hash));
  return result;
}

} // namespace

TEST_CASE("chains equal the peer's for every algorithm that does not depend on the process") {
  size_t checked = 0;
  for (const auto& vector : vectors("chunk_hashes")) {
    auto algorithm = parse_hash_algorithm(vector["algorithm"].get<std::string>());
    if (!algorithm) {
      CHECK_EQ(vector["algorithm"], "builtin");
      continue;
    }
    auto seed = vector["pythonhashseed"].is_null() ? std::string{}
                                                   : vector["pythonhashseed"].get<std::string>();
    chain_hasher hasher{*algorithm, vector["chunk_size"].get<uint32_t>(), seed};
    CHECK_EQ(to_hex(hasher.none_hash()), vector["none_hash_hex"].get<std::string>());
    auto tokens = vector["token_ids"].get<std::vector<uint32_t>>();
    std::vector<chunk_hash> chain;
    auto expected = vector["chunk_hashes_hex"].get<std::vector<std::string>>();
    CHECK_EQ(hasher.extend(chain, tokens), expected.size());
    CHECK_EQ(hex_of(chain), expected);
    ++checked;
  }
  CHECK_EQ(checked, 25);
}

TEST_CASE("a chain grown in steps equals one grown at once") {
  std::vector<uint32_t> tokens(1000);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<uint32_t>(i * 2654435761u);
  for (auto algorithm :
       {hash_algorithm::blake3, hash_algorithm::sha256_cbor, hash_algorithm::sha256}) {
    chain_hasher hasher{algorithm, 16};
    std::vector<chunk_hash> whole, steps;
    CHECK_EQ(hasher.extend(whole, tokens), 62);
    CHECK_EQ(hasher.extend(steps, std::span{tokens}.first(100)), 6);
    CHECK_EQ(hasher.extend(steps, tokens, 10), 10);
    CHECK_EQ(hasher.extend(steps, tokens, 0), 0);
    CHECK_EQ(hasher.extend(steps, tokens), 46);
    CHECK_EQ(hasher.extend(steps, tokens), 0);
    CHECK(whole == steps);
  }
}

TEST_CASE("a partial tail has no hash") {
  chain_hasher hasher{hash_algorithm::blake3, 256};
  std::vector<chunk_hash> chain;
  std::vector<uint32_t> tokens(255, 7);
  CHECK_EQ(hasher.extend(chain, tokens), 0);
  CHECK_EQ(hasher.extend(chain, {}), 0);
  CHECK(chain.empty());
}

TEST_CASE("chunks larger than the hasher's buffer depend on every token") {
  std::vector<uint32_t> tokens(5000, 3);
  for (auto algorithm :
       {hash_algorithm::blake3, hash_algorithm::sha256_cbor, hash_algorithm::sha256}) {
    chain_hasher hasher{algorithm, 5000};
    std::vector<chunk_hash> one, other;
    hasher.extend(one, tokens);
    tokens[4321] ^= 1;
    hasher.extend(other, tokens);
    CHECK(one != other);
  }
}

TEST_CASE("tokens between the pickle's integer widths keep the preimage's length right") {
  std::vector<uint32_t> tokens{0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0x80000000u, UINT32_MAX};
  chain_hasher hasher{hash_algorithm::sha256, 1};
  std::vector<chunk_hash> chain;
  CHECK_EQ(hasher.extend(chain, tokens), tokens.size());
  // Chained SHA-256 of CPython's pickle.dumps((prefix, (token,), None), protocol=5).
  CHECK_EQ(to_hex(chain[0]), "1d5609014df680f4eb1bfc6c1218dcbe635af4868dcc0c46b17d74ea9b769b2a");
  CHECK_EQ(to_hex(chain.back()),
           "c260e5acb384171352c16aa699eb21c8d4dec5ededdae41af9ebb0f83ecb5bb6");
}

TEST_CASE("names of algorithms are exact") {
  CHECK_EQ(parse_hash_algorithm("blake3"), hash_algorithm::blake3);
  CHECK_EQ(parse_hash_algorithm("sha256_cbor_64bit"), hash_algorithm::sha256_cbor);
  CHECK_FALSE(parse_hash_algorithm("builtin"));
  CHECK_FALSE(parse_hash_algorithm("BLAKE3"));
  for (auto algorithm :
       {hash_algorithm::blake3, hash_algorithm::sha256_cbor, hash_algorithm::sha256})
    CHECK_EQ(parse_hash_algorithm(to_string(algorithm)), algorithm);
  CHECK_EQ(max_chunk_tokens(hash_algorithm::sha256), 9353);
}
