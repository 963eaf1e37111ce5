// A small device as the peer leaves it, and bytes for the tests of its format.
#pragma once

#include "storage/l2_names.hpp"
#include "storage/raw_block_checkpoint.hpp"
#include "tests/storage/l2_vectors.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace actord::test {

using bytes = std::vector<std::byte>;

inline const nlohmann::json& raw_block_image() {
  return l2_vectors().at("raw_block_image");
}

inline raw_block_config golden_config() {
  const auto& config = raw_block_image().at("config");
  raw_block_config result;
  result.device_path = config.at("device_path");
  result.slot_bytes = config.at("slot_bytes");
  result.block_align_bytes = config.at("block_align");
  result.header_bytes = config.at("header_bytes");
  result.meta_total_bytes = config.at("meta_total_bytes");
  return result;
}

inline raw_block_layout golden_layout() {
  auto result = make_raw_block_layout(golden_config(), raw_block_image()["config"]["device_size"]);
  REQUIRE(result.layout);
  return *result.layout;
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text});
}

inline bytes from_hex(std::string_view hex) {
  bytes result;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    result.push_back(
      static_cast<std::byte>(std::stoul(std::string{hex.substr(i, 2)}, nullptr, 16)));
  return result;
}

/// What the golden checkpoint in a container lists, from the keys of its slots.
inline std::vector<checkpoint_entry> golden_entries(uint32_t container) {
  std::vector<checkpoint_entry> result;
  for (const auto& slot : raw_block_image().at("slots")) {
    if (container == 1 && !slot.at("in_newest_checkpoint").get<bool>())
      continue;
    const uint64_t size = slot.at("payload_len");
    const auto shape = "[2,1," + std::to_string(size / 4) + ",1]";
    result.push_back(
      {raw_block_name(key_of(slot.at("key"))), slot.at("slot"), size,
       R"("shape":)" + shape + R"(,"dtype":"bfloat16","fmt":"KV_2LTD","cached_positions":null)"});
  }
  return result;
}

} // namespace actord::test
