// The index on a block device: its text, and what comes of it in memory and on the device again.
#include "storage/raw_block_slots.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <span>
#include <string>

using namespace actord;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

raw_block_layout golden_layout() {
  raw_block_config config;
  config.device_path = "rawdev.img";
  config.slot_bytes = 16384;
  config.meta_total_bytes = 65536;
  return raw_block_layout{config, 196608};
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto layout = golden_layout();
  const auto read = decode_checkpoint(layout, std::as_bytes(std::span{data, size}));
  if (!read.error.empty()) {
    require(read.entries.empty() && read.error.size() < 1'000); // it goes into a log line
    return 0;
  }
  std::set<std::string> names;
  for (const auto& entry : read.entries) {
    require(entry.slot < layout.max_slots() && names.insert(entry.name).second);
    require(entry.payload_bytes > 0 && entry.payload_bytes <= layout.max_payload_bytes());
  }
  raw_block_slots slots{layout};
  const auto dropped = slots.load(read);
  require(slots.size() + dropped == read.entries.size());
  // What is kept can be written and comes back; slots that are handed out are nobody else's.
  const auto kept = slots.begin_checkpoint();
  const auto text = encode_checkpoint(layout, kept.next_slot, kept.entries);
  const auto again = decode_checkpoint(layout, std::as_bytes(std::span{text}));
  require(again.error.empty() && again.skipped == 0 && again.entries == kept.entries);
  std::set<uint64_t> used;
  for (const auto& entry : read.entries)
    used.insert(entry.slot);
  for (uint64_t i = 0; i < layout.max_slots(); ++i) {
    const auto got = slots.reserve("\x7f" + std::to_string(i), 1);
    if (got.result == raw_block_slots::answer::reserved)
      require(got.slot < layout.max_slots() && used.insert(got.slot).second);
  }
  return 0;
}
