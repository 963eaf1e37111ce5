#include "storage/raw_block_checkpoint.hpp"

#include "storage/crc32.hpp"
#include "storage/json_text.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

constexpr std::string_view no_description
  = R"("shape":null,"dtype":null,"fmt":null,"cached_positions":null)";
constexpr std::string_view tail = "}}";

void append_text(std::string& out, std::string_view name, std::string_view value) {
  out += '"';
  out += name;
  out += "\":";
  append_json_string(out, value);
  out += ',';
}

void append_number(std::string& out, std::string_view name, uint64_t value) {
  out += '"';
  out += name;
  out += "\":";
  out += std::to_string(value);
  out += ',';
}

/// All before the first entry.
std::string head(const raw_block_layout& layout, uint64_t next_slot) {
  const auto& config = layout.config();
  std::string out = R"({"version":1,)";
  append_text(out, "device_path", config.device_path);
  append_number(out, "capacity_bytes", layout.capacity_bytes());
  append_number(out, "block_align", config.block_align_bytes);
  append_number(out, "header_bytes", config.header_bytes);
  append_number(out, "slot_bytes", config.slot_bytes);
  append_number(out, "meta_total_bytes", config.meta_total_bytes);
  append_text(out, "meta_magic", config.meta_magic);
  append_number(out, "meta_version", config.meta_version);
  append_number(out, "data_base_offset", layout.data_offset());
  append_number(out, "next_slot", next_slot);
  out += R"("entries":{)";
  return out;
}

void append_entry(std::string& out, const raw_block_layout& layout, const checkpoint_entry& entry) {
  append_json_string(out, entry.name);
  out += ":{";
  append_number(out, "offset", layout.slot_offset(entry.slot));
  append_number(out, "size", entry.payload_bytes);
  out += entry.description.empty() ? no_description : entry.description;
  out += "},";
}

uint64_t limit_bytes(const raw_block_layout& layout) {
  return std::min(layout.container_payload_bytes(), max_checkpoint_bytes);
}

} // namespace

std::string encode_checkpoint(const raw_block_layout& layout, uint64_t next_slot,
                              std::span<const checkpoint_entry> entries) {
  const auto limit = limit_bytes(layout);
  auto out = head(layout, next_slot);
  if (entries.size() > max_checkpoint_entries)
    return {};
  for (const auto& entry : entries) {
    append_entry(out, layout, entry);
    if (out.size() > limit)
      return {};
  }
  if (!entries.empty())
    out.pop_back(); // the last comma
  out += tail;
  return out.size() <= limit ? out : std::string{};
}

uint64_t checkpoint_entry_bytes(const raw_block_layout& layout, const checkpoint_entry& entry) {
  std::string text;
  append_entry(text, layout, entry);
  return text.size();
}

uint64_t checkpoint_room_bytes(const raw_block_layout& layout) {
  const auto rest = head(layout, layout.max_slots()).size() + tail.size();
  return limit_bytes(layout) - std::min<uint64_t>(limit_bytes(layout), rest);
}

std::vector<container_candidate>
container_candidates(const raw_block_layout& layout, std::span<const std::byte> first_block,
                     std::span<const std::byte> second_block) {
  std::vector<container_candidate> result;
  for (uint32_t container : {0u, 1u})
    if (auto header
        = decode_container_header(layout, container, container == 0 ? first_block : second_block))
      result.push_back({container, *header});
  if (result.size() == 2 && result[0].header.sequence < result[1].header.sequence)
    std::swap(result[0], result[1]);
  return result;
}

bool intact(const container_header& header, std::span<const std::byte> payload) noexcept {
  return payload.size() >= header.payload_bytes
         && crc32(payload.first(header.payload_bytes)) == header.payload_crc32;
}

} // namespace actord
