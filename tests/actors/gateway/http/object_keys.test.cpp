#include "actors/gateway/http/object_keys.hpp"

#include "actors/gateway/http/block_ranges.hpp"

#include <doctest/doctest.h>

using namespace actord;
using namespace actord::http;

namespace {

named_key good_key() {
  named_key key;
  for (int i = 0; i < 32; ++i)
    key.chunk_hash_hex += "aB";
  key.model_name = "m";
  key.kv_rank = pack_kv_rank(2, 1);
  key.cache_salt = "s";
  return key;
}

std::string fault_of(const named_key& key) {
  std::vector<object_key> to;
  return collect_keys({good_key(), key}, to);
}

} // namespace

TEST_CASE("a key of an object is taken over field by field") {
  auto key = good_key();
  key.object_group_id = 3;
  std::vector<object_key> to;
  CHECK(collect_keys({key}, to).empty());
  REQUIRE(to.size() == 1);
  object_key expected{{}, "m", pack_kv_rank(2, 1), 3, "s"};
  expected.hash.bytes.fill(0xab);
  CHECK(to[0] == expected);
}

TEST_CASE("a well-formed key that names nothing is left out") {
  std::vector<object_key> to;
  auto shorter = good_key(), rank = good_key(), below = good_key(), group = good_key();
  shorter.chunk_hash_hex = "00";
  rank.kv_rank = int64_t{1} << 32;
  below.kv_rank = -1;
  group.object_group_id = int64_t{1} << 32;
  CHECK(collect_keys({shorter, rank, below, group}, to).empty());
  CHECK(to.empty());
}

TEST_CASE("a bad key is named with its place and fault") {
  auto key = good_key();
  key.chunk_hash_hex = "zz";
  CHECK(fault_of(key) == "keys[1]: non-hexadecimal number found in fromhex() arg at position 0");
  key.chunk_hash_hex = "abc";
  CHECK(fault_of(key) == "keys[1]: non-hexadecimal number found in fromhex() arg at position 3");
  key = good_key();
  key.model_name = "a@b";
  CHECK(fault_of(key) == "keys[1]: model_name must not contain '@' (got 'a@b')");
  key = good_key();
  key.cache_salt = "x/y";
  CHECK(fault_of(key) == "keys[1]: cache_salt must not contain frozenset({'/'}) (got 'x/y')");
  key.cache_salt = std::string(129, 'x');
  CHECK(fault_of(key) == "keys[1]: cache_salt must be at most 128 characters (got 129)");
  key = good_key();
  key.object_group_id = -1;
  CHECK(fault_of(key) == "keys[1]: object_group_id must be >= 0 (got -1)");
}

TEST_CASE("runs of three and more block ids become ranges") {
  using ranges = std::vector<block_range>;
  CHECK(block_ranges({}).empty());
  CHECK(block_ranges(std::vector<int64_t>{0, 1, 2, 5, 9, 10})
        == ranges{{0, 2}, {5, 5}, {9, 9}, {10, 10}});
  CHECK(block_ranges(std::vector<int64_t>{3, 2, 1}) == ranges{{3, 3}, {2, 2}, {1, 1}});
  CHECK(block_ranges(std::vector<int64_t>{4, 4, 5, 6}) == ranges{{4, 4}, {4, 6}});
  CHECK(block_ranges(std::vector<int64_t>{INT64_MAX, INT64_MIN}).size() == 2);
}
