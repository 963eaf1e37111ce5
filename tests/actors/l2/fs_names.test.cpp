#include "actors/l2/fs_names.hpp"
#include "storage/l2_names.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <random>
#include <set>
#include <string>

using namespace actord;

namespace {

std::string hex_of(const std::string& file) {
  return file.substr(file.find('@', file.find('@', file.find('@') + 1) + 1) + 1, 64);
}

const std::string good = "org-SEP-model@0x02010201@a@" + std::string(64, '7') + "@salt.data";

} // namespace

TEST_CASE("names of the Python server are read, and made again as they were") {
  std::ifstream in{ACTORD_TEST_DATA "/l2_names.json"};
  const auto vectors = nlohmann::json::parse(in);
  size_t read = 0;
  for (const auto& name : vectors["names"]) {
    const auto file = name["fs_file"].get<std::string>();
    CAPTURE(file);
    const auto& key = name["key"];
    const auto parsed = parse_file_name(file);
    const auto ours = key["chunk_hash_hex"].get<std::string>().size() == 64
                      && key["kv_rank"].get<uint64_t>() <= UINT32_MAX
                      && !key["model_name"].get<std::string>().empty() && file.size() <= 255;
    CHECK_EQ(parsed.has_value(), ours);
    if (!parsed)
      continue;
    ++read;
    CHECK_EQ(parsed->kv_rank, key["kv_rank"].get<uint32_t>());
    CHECK_EQ(parsed->object_group_id, key["object_group_id"].get<uint32_t>());
    CHECK_EQ(parsed->cache_salt, key["cache_salt"].get<std::string>());
    const object_ref object{
      std::make_shared<const key_space>(
        key_space{key["model_name"].get<std::string>(), parsed->kv_rank >> 24, parsed->cache_salt}),
      parsed->hash, parsed->kv_rank, parsed->object_group_id, 0};
    CHECK_EQ(fs_paths_of(object, false).at, file);
    const auto hex = hex_of(file);
    CHECK_EQ(fs_paths_of(object, true).at, hex.substr(0, 2) + '/' + hex.substr(2, 2) + '/' + file);
  }
  CHECK_GT(read, 5u);
}

TEST_CASE("what is no name of an object is not read as one") {
  REQUIRE(parse_file_name(good));
  const auto hash = std::string(64, '7');
  for (const auto& file : {
         std::string(), std::string(".data"), std::string("@@@.data"), good + "x",
         "m@0x02010201@a@" + hash + ".tmp",                         // another ending
         "m@02010201@a@" + hash + ".data",                          // no 0x
         "m@0x2010201@a@" + hash + ".data",                         // a digit is missing
         "m@0x002010201@a@" + hash + ".data",                       // or too many
         "m@0x100ff00ff@a@" + hash + ".data",                       // more than 32 bits
         "m@0x02010201@0a@" + hash + ".data",                       // padded
         "m@0x02010201@A@" + hash + ".data",                        // upper case
         "m@0x02010201@@" + hash + ".data",                         // empty
         "m@0x02010201@a@" + hash + "0.data",                       // another length
         "m@0x02010201@a@" + hash + "@.data",                       // a salt that is empty
         "m@0x02010201@a@" + hash + "@s@t.data",                    // too many fields
         "m@0x02010201@a@" + hash + "@s\\t.data",                   // no salt
         "@0x02010201@a@" + hash + ".data",                         // no model
         std::string(200, 'm') + "@0x02010201@a@" + hash + ".data", // no folder holds it
       }) {
    CAPTURE(file);
    CHECK_FALSE(parse_file_name(file));
  }
}

TEST_CASE("a changed name is read as another object or as none") {
  const auto original = parse_file_name(good);
  std::mt19937 random{1};
  const std::string bytes = "@0x-aF7.\\/ \0md"
                            "\xff";
  for (int i = 0; i < 20'000; ++i) {
    auto changed = good;
    const auto at = random() % changed.size();
    if (random() % 3 == 0)
      changed.erase(at, 1);
    else
      changed[at] = bytes[random() % bytes.size()];
    if (const auto parsed = parse_file_name(changed)) {
      CHECK_EQ(file_name(*parsed), changed);
      CHECK_EQ(*parsed == *original, changed == good);
    }
  }
}

TEST_CASE("a model or salt that leads elsewhere has no file") {
  for (const auto& salt :
       {std::string("a/../../b"), std::string("a\0b", 3), std::string(250, 's')}) {
    const object_ref object{
      std::make_shared<const key_space>(key_space{"m", 1, salt}), {}, 1, 0, 1};
    CHECK_EQ(fs_paths_of(object, true).file, "");
    CHECK_EQ(fs_paths_of(object, true).at, "");
  }
}

TEST_CASE("temporary names differ and end in .tmp") {
  std::set<std::string> names;
  for (uint64_t writer : {uint64_t{1}, uint64_t{0x11}, UINT64_MAX})
    for (uint64_t number : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
      const auto name = fs_temporary_name(writer, number);
      CHECK(name.ends_with(".tmp"));
      names.insert(name);
    }
  CHECK_EQ(names.size(), 9u);
}
