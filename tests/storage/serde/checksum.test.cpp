#include "storage/serde/checksum.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <vector>

using namespace actord;

namespace {

using bytes = std::vector<std::byte>;

object_key key_of(uint8_t number) {
  object_key key;
  key.hash.bytes[0] = number;
  key.model_name = "org/model";
  key.kv_rank = 0x01000100;
  return key;
}

bytes some(size_t length) {
  bytes result(length);
  for (size_t i = 0; i < length; ++i)
    result[i] = static_cast<std::byte>(i * 7 + 1);
  return result;
}

struct sealed {
  explicit sealed(size_t length)
    : plain(some(length)), stored(length + checksum_serde::overhead_bytes) {
    REQUIRE(lane->encode({key, "", length}, plain, stored).bytes == stored.size());
  }
  serde_fault open(const object_key& under, std::span<const std::byte> what) {
    out.assign(plain.size(), std::byte{});
    return lane->decode({under, "", plain.size()}, what, out);
  }

  checksum_serde serde;
  std::unique_ptr<serde_lane> lane = serde.open_lane();
  object_key key = key_of(1);
  bytes plain, stored, out;
};

} // namespace

TEST_CASE("an object with its checksum comes back, of any length") {
  for (size_t length : {0, 1, 23, 24, 4096, 100'001}) {
    CAPTURE(length);
    sealed object{length};
    CHECK(object.serde.size_of({object.key, "", length}).bytes == length + 24);
    CHECK(std::equal(object.plain.begin(), object.plain.end(), object.stored.begin()));
    CHECK(object.open(object.key, object.stored) == serde_fault::none);
    CHECK(object.out == object.plain);
  }
}

TEST_CASE("any changed bit, and any other object's bytes, are found out and never given") {
  sealed object{100};
  for (size_t bit = 0; bit < 8 * object.stored.size(); ++bit) {
    auto changed = object.stored;
    changed[bit / 8] ^= std::byte{1} << bit % 8;
    REQUIRE(object.open(object.key, changed) == serde_fault::changed);
    REQUIRE(object.out == bytes(100));
  }
  CHECK(object.open(key_of(2), object.stored) == serde_fault::changed);
  auto salted = object.key;
  salted.cache_salt = "tenant";
  CHECK(object.open(salted, object.stored) == serde_fault::changed);
}

TEST_CASE("other lengths are told apart") {
  sealed object{100};
  for (size_t length = 0; length < object.stored.size(); ++length)
    CHECK(object.open(object.key, std::span{object.stored}.first(length))
          == serde_fault::too_short);
  auto longer = object.stored;
  longer.push_back({});
  CHECK(object.open(object.key, longer) == serde_fault::wrong_length);
}
