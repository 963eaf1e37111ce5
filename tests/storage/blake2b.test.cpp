#include "storage/blake2b.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace actord;

namespace {

std::vector<uint8_t> digest_of(std::span<const std::byte> data, size_t bytes) {
  std::vector<uint8_t> result(bytes);
  blake2b(data, result);
  return result;
}

std::string hex_of(const std::vector<uint8_t>& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (auto byte : bytes)
    result += {digits[byte >> 4], digits[byte & 0xf]};
  return result;
}

std::vector<std::byte> pattern(size_t bytes) {
  std::vector<std::byte> result(bytes);
  for (size_t i = 0; i < bytes; ++i)
    result[i] = static_cast<std::byte>(i * 7 + 3);
  return result;
}

} // namespace

TEST_CASE("the example of RFC 7693 comes out") {
  const std::string_view abc = "abc";
  CHECK_EQ(hex_of(digest_of(std::as_bytes(std::span{abc}), 64)),
           "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
           "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

TEST_CASE("digests of 8 bytes equal CPython's hashlib around the ends of blocks") {
  const std::pair<size_t, const char*> expected[]{
    {0, "e4a6a0577479b2b4"},   {1, "c2fb54d88374033e"},   {127, "5c7a95645fba062c"},
    {128, "5a0875a570ceb2ae"}, {129, "79f7ec8e27e1f993"}, {255, "0382ae4bfbfb3aa2"},
    {256, "27cc63362e6b95a6"}, {257, "553ab6c320fc7b98"}, {1024, "f553f474e927c057"},
  };
  for (const auto& [bytes, digest] : expected)
    CHECK_EQ(hex_of(digest_of(pattern(bytes), 8)), digest);
}

TEST_CASE("digests of every size over every length up to 599 equal CPython's hashlib") {
  std::vector<std::byte> all;
  for (size_t bytes = 0; bytes < 600; ++bytes)
    for (auto byte : digest_of(pattern(bytes), 1 + bytes % 64))
      all.push_back(std::byte{byte});
  CHECK_EQ(hex_of(digest_of(all, 32)),
           "cda38d27d9ce84535617fdfad9ac597524bd31871e24f1cf97753000e932ba37");
}
