#include "storage/l2_names.hpp"

#include "tests/storage/l2_vectors.hpp"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

using namespace actord;
using namespace actord::test;

namespace {

const std::string zeros(64, '0');

object_key key_named(std::string model, std::string salt = "") {
  return {{}, std::move(model), pack_kv_rank(1, 0), 0, std::move(salt)};
}

/// The name in a vector, with its short hash filled up as key_of() does.
std::string name_in(const nlohmann::json& vector, const char* field) {
  auto hex = vector["key"]["chunk_hash_hex"].get<std::string>();
  auto name = vector[field].get<std::string>();
  return name.replace(name.rfind(hex), hex.size(), hex + std::string(64 - hex.size(), '0'));
}

} // namespace

TEST_CASE("names equal the peer's") {
  size_t checked = 0;
  for (const auto& vector : l2_vectors()["names"]) {
    if (vector["key"]["kv_rank"].get<uint64_t>() > UINT32_MAX)
      continue; // no world above 255 is ever registered
    CAPTURE(vector["name"].get<std::string>());
    const auto key = key_of(vector["key"]);
    CHECK_EQ(remote_name(key), name_in(vector, "resp_key"));
    CHECK_EQ(remote_name(key), name_in(vector, "s3_object_key"));
    CHECK_EQ(valkey_name("", key), name_in(vector, "resp_key"));
    CHECK_EQ(valkey_name("p1", key), name_in(vector, "valkey_key_prefix_p1"));
    CHECK_EQ(s3_request_path(key), name_in(vector, "s3_http_path"));
    CHECK_EQ(file_name(key), name_in(vector, "fs_file"));
    CHECK_EQ(raw_block_name(key), name_in(vector, "raw_block_encoded_key"));
    ++checked;
  }
  CHECK_EQ(checked, 13);
}

TEST_CASE("the peer's names stand for their keys unless ours cannot hold them") {
  size_t parsed = 0;
  for (const auto& vector : l2_vectors()["names"]) {
    CAPTURE(vector["name"].get<std::string>());
    const auto remote = parse_remote_name(vector["resp_key"].get<std::string>());
    const auto valkey = parse_valkey_name("p1", vector["valkey_key_prefix_p1"].get<std::string>());
    const auto file = parse_file_name(vector["fs_file"].get<std::string>());
    const auto raw = parse_raw_block_name(vector["raw_block_encoded_key"].get<std::string>());
    const auto kv_rank = vector["key"]["kv_rank"].get<uint64_t>();
    if (vector["key"]["chunk_hash_hex"].get<std::string>().size() != 64 || kv_rank > UINT32_MAX) {
      CHECK_FALSE((remote || valkey || file || raw));
      continue;
    }
    const auto key = key_of(vector["key"]);
    CHECK(remote == key);
    CHECK(valkey == key);
    CHECK(raw == key);
    CHECK_EQ(file == key, vector["fs_reversible"].get<bool>());
    ++parsed;
  }
  CHECK_EQ(parsed, 11);
}

TEST_CASE("a parsed key has the name it was parsed from, and its own name stands for it") {
  std::mt19937 random{5};
  const std::vector<std::string> pieces{"a", "/", "-SEP-", "-SEP", "SEP-", "%", "%2F", "é",
                                        "0", ".", "data",  "~",    " ",    "+", "_"};
  const auto text = [&] {
    std::string result;
    for (auto left = random() % 5; left > 0; --left)
      result += pieces[random() % pieces.size()];
    return result;
  };
  for (int round = 0; round < 5'000; ++round) {
    auto key = key_named(text(), text());
    std::erase(key.cache_salt, '/');
    key.kv_rank = pack_kv_rank(1 + random() % 255, 0) | (random() & 0xffffff);
    key.object_group_id = random() >> (random() % 32);
    key.hash.bytes[round % 32] = static_cast<uint8_t>(random());
    CHECK(parse_remote_name(remote_name(key)) == key);
    CHECK(parse_valkey_name("p", valkey_name("p", key)) == key);
    CHECK(parse_raw_block_name(raw_block_name(key)) == key);
    const auto from_file = parse_file_name(file_name(key));
    if (key.model_name.empty()) {
      CHECK_FALSE(from_file);
      continue;
    }
    REQUIRE(from_file);
    CHECK_EQ(file_name(*from_file), file_name(key));
    key.model_name = file_model_name(key.model_name);
    CHECK(from_file == key);
  }
}

TEST_CASE("models share a file exactly when a scan gives them one name") {
  const std::vector<std::string> models{"a/b",   "a-SEP-b", "a-SEP/b", "-SEP/",
                                        "/SEP-", "ab",      "a/-SEP-"};
  size_t shared = 0;
  for (const auto& one : models)
    for (const auto& other : models) {
      const bool same = file_name(key_named(one)) == file_name(key_named(other));
      CHECK_EQ(file_model_name(one) == file_model_name(other), same);
      shared += same && one != other;
    }
  CHECK_EQ(shared, 4);
}

TEST_CASE("names that nobody writes stand for no key") {
  const std::string good = "m@01000100@1a@" + zeros;
  CHECK(parse_remote_name(good));
  for (const auto& bad : {std::string{},
                          std::string{"m"},
                          std::string{"@@@"},
                          std::string{"@@@@"},
                          good + "@",
                          good + "@s@",
                          good + "@s@t",
                          good + "0",
                          good.substr(1 + good.find('@')),
                          "m@01000100@1A@" + zeros,
                          "m@01000100@01a@" + zeros,
                          "m@01000100@@" + zeros,
                          "m@01000100@100000000@" + zeros,
                          "m@1000100@1@" + zeros,
                          "m@001000100@1@" + zeros,
                          "m@100ff00ff@1@" + zeros,
                          "m@0x01000100@1@" + zeros,
                          "m@-1000100@1@" + zeros,
                          "m@01000100 @1@" + zeros,
                          "m@00000100@1@" + zeros,
                          "m@01000100@1@" + zeros.substr(1),
                          good + "@a/b",
                          good + "@a\\b",
                          good + "@" + std::string(129, 's'),
                          "\xff" + good,
                          good + "@\xed\xa0\x80",
                          std::string{"\0", 1} + good}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_remote_name(bad));
  }
  CHECK_FALSE(parse_valkey_name("p", good));
  CHECK_FALSE(parse_valkey_name("p", "pm@01000100@1a@" + zeros));
  CHECK_FALSE(parse_valkey_name("", "p@" + good));
  CHECK(parse_valkey_name("p", "p@" + good));
  for (const char* model :
       {"a/b", "a b", "a%2fb", "a%41", "a%", "a%2", "a%zz", "a%+1", "a%ff", "a%40", "a%00"})
    CHECK_FALSE(parse_raw_block_name(model + ("@0x01000100@1@" + zeros)));
  CHECK(parse_raw_block_name("a%2Fb@0x01000100@1@" + zeros));
  for (const auto& bad : {"a/b@0x01000100@1@" + zeros + ".data", "m@0x01000100@1@" + zeros,
                          "m@01000100@1@" + zeros + ".data", std::string{".data"}})
    CHECK_FALSE(parse_file_name(bad));
}

TEST_CASE("what cannot be told from other keys or stored is refused with the remedy") {
  CHECK(key_prefix_error("").empty());
  CHECK(key_prefix_error("team/a").empty());
  CHECK_FALSE(key_prefix_error("a@b").empty());
  // Each '/' takes five bytes in the name; 83 are the other fields'.
  const auto fits = key_named(std::string(30, '/') + std::string(255 - 83 - 150, 'm'));
  CHECK_EQ(file_name(fits).size(), max_file_name_bytes);
  CHECK_EQ(file_name_error(fits), "");
  const auto error = file_name_error(key_named(fits.model_name, "s"));
  CHECK(error.starts_with("a file name of 257 bytes, 172 of them for the model and 1 for"));
}

TEST_CASE("temporary names fit wherever the final name does and are told from all others") {
  auto key = key_named(std::string(172, 'm'), "");
  key.hash.bytes[0] = 0xab;
  const auto name = temporary_file_name(key, 0x1f);
  CHECK_EQ(name, "ab" + zeros.substr(2) + ".000000000000001f.tmp");
  CHECK_NE(name, temporary_file_name(key, 0x20));
  CHECK_EQ(temporary_file_name(key, UINT64_MAX).size(), name.size());
  for (bool apart : {false, true})
    CHECK_EQ(kind_of_file(name, apart), file_kind::temporary);
}

TEST_CASE("leftovers of both servers are known, and nothing else is taken for one") {
  for (const auto& vector : l2_vectors()["names"]) {
    const auto file = vector["fs_file"].get<std::string>();
    if (!parse_file_name(file))
      continue;
    CHECK_EQ(kind_of_file(file, false), file_kind::object);
    CHECK_EQ(kind_of_file(file, true), file_kind::temporary);
    const auto temporary = vector["fs_tmp_file"].get<std::string>();
    CHECK_EQ(kind_of_file(temporary, false), file_kind::temporary);
    CHECK_EQ(kind_of_file(temporary, true), file_kind::temporary);
  }
  const auto own = temporary_file_name(key_named("m"), 7);
  for (const auto& name :
       {std::string{}, std::string{".tmp"}, std::string{"notes.tmp"},
        std::string{"m@0x01000100@1@short.data"}, own + "x", own.substr(1),
        std::string{own}.replace(64, 1, "-"), std::string{own}.replace(70, 1, "G"), zeros + ".tmp"})
    for (bool apart : {false, true})
      CHECK_EQ(kind_of_file(name, apart), file_kind::other);
}
