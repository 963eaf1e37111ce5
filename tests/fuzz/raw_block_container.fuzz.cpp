// Which of two containers counts. The input is the first 64 bytes of one, those of the other, and
// bytes that both may have as payload; then a slot's header.
#include "storage/raw_block_checkpoint.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

using namespace actord;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

void check_slot(std::span<const std::byte> block) {
  const auto header = decode_slot_header(block);
  if (!header)
    return;
  (void)intact(*header, block);
  std::vector<std::byte> again(64);
  encode_slot_header(*header, again);
  require(decode_slot_header(again) == header);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const raw_block_layout layout = [] {
    raw_block_config config;
    config.device_path = "d";
    config.block_align_bytes = config.header_bytes = 64;
    config.slot_bytes = 128;
    config.meta_total_bytes = 4096;
    return raw_block_layout{config, 8192};
  }();
  const auto input = std::as_bytes(std::span{data, size});
  const auto first = input.first(std::min<size_t>(64, size));
  const auto second = input.subspan(first.size(), std::min<size_t>(64, size - first.size()));
  const auto payload = input.subspan(first.size() + second.size());
  check_slot(first);
  const auto candidates = container_candidates(layout, first, second);
  require(candidates.size() <= 2);
  uint64_t before = UINT64_MAX;
  for (const auto& [container, header] : candidates) {
    require(header.sequence < before && container_of(header.sequence) == container);
    before = header.sequence;
    require(header.payload_bytes > 0 && header.payload_bytes <= layout.container_payload_bytes());
    std::vector<std::byte> block(64);
    encode_container_header(layout, header, block);
    require(
      std::equal(block.begin(), block.begin() + 32, (container == 0 ? first : second).begin()));
    if (intact(header, payload))
      require(payload.size() >= header.payload_bytes);
  }
  return 0;
}
