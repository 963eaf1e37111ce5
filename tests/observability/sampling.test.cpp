#include "observability/sampling.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace actord;

namespace {

chunk_hash filled(uint8_t byte) {
  chunk_hash hash;
  hash.bytes.fill(byte);
  return hash;
}

struct check_value {
  uint8_t byte;
  uint64_t l1, l1_class, reuse, reuse_class;
};

constexpr check_value check_values[] = {
  {0x00, 0xdaea5a5e9a6c9947, 766315, 0x9e5683993e0ed189, 607989},
  {0x01, 0x74ae42b4f4bf472f, 988928, 0x816d11fe0028878f, 563760},
  {0x02, 0xd80a7e83b47e50f3, 141274, 0x28060a8eff9738ca, 409682},
  {0xff, 0x9626181afc4c29e1, 658546, 0xd81916fdafbdcd8a, 936039},
};

} // namespace

TEST_CASE("the threshold of a sample rate is truncated") {
  CHECK_EQ(sample_threshold(0.01), 10000);
  CHECK_EQ(sample_threshold(0.5), 500001);
  CHECK_EQ(sample_threshold(1.0), 1000003);
  CHECK_EQ(sample_threshold(1e-6), 1);
}

TEST_CASE("a key is sampled when its class lies below the threshold") {
  CHECK(sampled(sample_modulus * 7 + 9999, 10000));
  CHECK_FALSE(sampled(sample_modulus * 7 + 10000, 10000));
  CHECK(sampled(UINT64_MAX, sample_threshold(1.0)));
}

TEST_CASE("sampling hashes have the published values") {
  for (const auto& expected : check_values) {
    auto hash = filled(expected.byte);
    auto l1 = l1_sample_hash({hash, "facebook/opt-125m", 0x01000100, 0, ""});
    CHECK_EQ(l1, expected.l1);
    CHECK_EQ(l1 % sample_modulus, expected.l1_class);
    CHECK_EQ(reuse_sample_hash("tenant-a", hash), expected.reuse);
    CHECK_EQ(expected.reuse % sample_modulus, expected.reuse_class);
  }
  CHECK_EQ(l1_sample_hash({filled(0), "m", 0x02010201, 3, "salt"}), 0xf94d2dffd373594);
  CHECK_EQ(l0_sample_hash(0, 0), 0xa5e0dba6c385580a);
  CHECK_EQ(l0_sample_hash(4242, 10), 0x7b2bcb704d6ff39f);
  CHECK_EQ(l0_sample_hash(UINT64_MAX, UINT64_MAX), 0xb985182d97d9d96f);
}

TEST_CASE("several keys at once have the hashes that each has alone") {
  const std::array<chunk_hash, 4> hashes{filled(0), filled(1), filled(2), filled(0xff)};
  const std::array<object_key_view, 4> keys{{{hashes[0], "facebook/opt-125m", 0x01000100, 0, ""},
                                             {hashes[1], "m", 0x02010201, 3, "salt"},
                                             {hashes[2], "", 0, 0, ""},
                                             {hashes[3], "a longer model name", 7, 9, "s"}}};
  const auto l1 = l1_sample_hashes(keys);
  const auto reuse
    = reuse_sample_hashes("tenant-a", {&hashes[0], &hashes[1], &hashes[2], &hashes[3]});
  for (size_t i = 0; i < keys.size(); ++i) {
    CHECK_EQ(l1[i], l1_sample_hash(keys[i]));
    CHECK_EQ(reuse[i], reuse_sample_hash("tenant-a", hashes[i]));
  }
}

TEST_CASE("each part of a key changes its identity, the tag only the second half") {
  object_key_view key{filled(1), "m", 1, 2, "s"};
  auto base = l1_identity("a", key);
  CHECK_EQ(l1_identity("b", key).first, base.first);
  CHECK_NE(l1_identity("b", key).second, base.second);
  CHECK_NE(l1_identity("a", {filled(2), "m", 1, 2, "s"}).second, base.second);
  CHECK_NE(l1_identity("a", {filled(1), "ms", 1, 2, ""}).second, base.second);
  CHECK_NE(l1_identity("a", {filled(1), "m", 2, 1, "s"}).second, base.second);
  CHECK_NE(pair_identity("ab", "c"), pair_identity("a", "bc"));
}
