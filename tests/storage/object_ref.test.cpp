#include "storage/object_ref.hpp"

#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("a ref means the key that it was made of") {
  object_key key{{{1, 2}}, "org/model", pack_kv_rank(4, 3), 7, "tenant"};
  auto ref = to_ref(key, 99);
  CHECK_EQ(to_key(ref), key);
  CHECK_EQ(ref.length_bytes, 99);
  CHECK_EQ(ref.space->world_size, 4);
}

TEST_CASE("a key without a world size gets one that can be interned") {
  object_key key{{{1}}, "model", 0x123, 0, ""};
  CHECK_EQ(to_ref(key, 0).space->world_size, 1);
  CHECK_EQ(to_key(to_ref(key, 0)), key);
}

TEST_CASE("refs of a batch share the space of their neighbours and of no other") {
  object_key a{{{1}}, "model", pack_kv_rank(2, 0), 0, ""};
  auto rank = a, salt = a, model = a, world = a;
  rank.kv_rank = pack_kv_rank(2, 1);
  salt.cache_salt = "s";
  model.model_name = "other";
  world.kv_rank = pack_kv_rank(1, 0);
  std::vector<object_key> keys{a, rank, salt, a, model, a, world};
  auto refs = to_refs(keys);
  REQUIRE_EQ(refs.size(), keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    CHECK_EQ(to_key(refs[i]), keys[i]);
    CHECK_EQ(refs[i].space->world_size, world_of(keys[i].kv_rank));
    if (i > 0)
      CHECK_EQ(refs[i].space == refs[i - 1].space, i == 1);
  }
}
