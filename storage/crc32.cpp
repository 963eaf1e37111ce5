#include "storage/crc32.hpp"

#include <array>

namespace actord {

namespace {

constexpr uint32_t reflected_polynomial = 0xedb88320;
constexpr size_t slices = 8;

using table = std::array<std::array<uint32_t, 256>, slices>;

constexpr table make_table() {
  table result{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    auto value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = value >> 1 ^ (value & 1 ? reflected_polynomial : 0);
    result[0][byte] = value;
  }
  for (size_t slice = 1; slice < slices; ++slice)
    for (size_t byte = 0; byte < 256; ++byte) {
      const auto before = result[slice - 1][byte];
      result[slice][byte] = before >> 8 ^ result[0][before & 0xff];
    }
  return result;
}

constexpr table tables = make_table();

} // namespace

uint32_t crc32(std::span<const std::byte> data) noexcept {
  uint32_t crc = 0xffffffff;
  for (; data.size() >= slices; data = data.subspan(slices)) {
    uint32_t next = 0;
    for (size_t i = 0; i < slices; ++i) {
      auto byte = std::to_integer<uint32_t>(data[i]);
      if (i < 4)
        byte ^= crc >> (8 * i) & 0xff;
      next ^= tables[slices - 1 - i][byte];
    }
    crc = next;
  }
  for (auto byte : data)
    crc = crc >> 8 ^ tables[0][(crc ^ std::to_integer<uint32_t>(byte)) & 0xff];
  return ~crc;
}

} // namespace actord
