#include "storage/crc32.hpp"

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

using namespace actord;

TEST_CASE("the check value of CRC-32 comes out") {
  const std::string_view digits = "123456789";
  CHECK_EQ(crc32(std::as_bytes(std::span{digits})), 0xcbf43926);
  CHECK_EQ(crc32({}), 0);
}

TEST_CASE("checksums of every length up to 599 equal zlib's") {
  std::vector<std::byte> data, all;
  for (size_t bytes = 0; bytes < 600; ++bytes) {
    const auto crc = crc32(data);
    for (int shift = 0; shift < 32; shift += 8)
      all.push_back(static_cast<std::byte>(crc >> shift));
    data.push_back(static_cast<std::byte>(bytes * 7 + 3));
  }
  CHECK_EQ(crc32(all), 0xbd057e28);
}

TEST_CASE("data that does not begin at a word has the same checksum") {
  std::vector<std::byte> data(100);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<std::byte>(i % 10);
  for (size_t begin = 10; begin < 80; begin += 10)
    CHECK_EQ(crc32(std::span{data}.subspan(begin, 20)), crc32(std::span{data}.first(20)));
}
