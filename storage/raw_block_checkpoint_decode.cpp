#include "storage/raw_block_checkpoint.hpp"
#include "storage/raw_block_checkpoint_reader.hpp"

#include <nlohmann/json.hpp>

#include <string_view>
#include <utility>

namespace actord {

namespace {

constexpr size_t max_shown_bytes = 200;

/// What tells the checkpoint of another device or configuration ("" when nothing does).
std::string difference(const raw_block_layout& layout, const checkpoint_members& members) {
  const auto& config = layout.config();
  const auto found = [&members](std::string_view member) {
    const auto at = members.find(member);
    return at == members.end() ? std::string{"missing"}
                               : at->second.json.substr(0, max_shown_bytes);
  };
  const auto error = [&found](std::string_view member, std::string_view wanted) {
    return "its " + std::string{member} + " is " + found(member) + " and not "
           + std::string{wanted};
  };
  const std::pair<std::string_view, checkpoint_scalar> wanted[]{
    {"version", number_scalar(1)},
    {"device_path", text_scalar(config.device_path)},
    {"block_align", number_scalar(config.block_align_bytes)},
    {"header_bytes", number_scalar(config.header_bytes)},
    {"slot_bytes", number_scalar(config.slot_bytes)},
    {"meta_total_bytes", number_scalar(config.meta_total_bytes)},
    {"meta_magic", text_scalar(config.meta_magic)},
    {"meta_version", number_scalar(config.meta_version)},
  };
  for (const auto& [member, value] : wanted) {
    const auto at = members.find(member);
    const bool unnamed = at == members.end() || at->second.json == "\"\""
                         || at->second.is == checkpoint_scalar::null;
    if (member == "device_path" && unnamed)
      continue;
    if (at == members.end() || at->second.json != value.json)
      return error(member, value.json.substr(0, max_shown_bytes));
  }
  const auto next_slot = members.find("next_slot");
  if (next_slot == members.end() || next_slot->second.is != checkpoint_scalar::number
      || next_slot->second.value > layout.max_slots())
    return error("next_slot", "0.." + std::to_string(layout.max_slots()));
  return {};
}

} // namespace

checkpoint_result
decode_checkpoint(const raw_block_layout& layout, std::span<const std::byte> payload) {
  const auto rejected = [&layout](std::string_view why) {
    checkpoint_result result;
    result.error = "the checkpoint on device_path '" + layout.config().device_path
                   + "' is not used, the store begins empty: " + std::string{why}
                   + "; configure it as the server that wrote it, or let it be written anew";
    return result;
  };
  if (payload.size() > max_checkpoint_bytes)
    return rejected("it has " + std::to_string(payload.size()) + " bytes, "
                    + std::to_string(max_checkpoint_bytes) + " at most");
  checkpoint_reader reader{layout};
  const auto* text = reinterpret_cast<const char*>(payload.data());
  const bool parsed = nlohmann::json::sax_parse(text, text + payload.size(), &reader);
  auto result = reader.take_result();
  if (result.error.empty())
    result.error = parsed ? difference(layout, reader.members()) : "its index is no JSON";
  if (!result.error.empty())
    return rejected(result.error);
  result.next_slot = reader.members().find("next_slot")->second.value;
  return result;
}

} // namespace actord
