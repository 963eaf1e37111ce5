#include "actors/l2/fs_names.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace actord {

namespace {

constexpr std::string_view separator = "-SEP-"; // stands for '/' in a model's name
constexpr std::string_view suffix = ".data";
constexpr size_t max_name_bytes = 255;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// Lower-case hex of at most 32 bits.
std::optional<uint32_t> parse_hex(std::string_view text) {
  uint32_t result = 0;
  const auto* end = text.data() + text.size();
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_hex))
    return std::nullopt;
  if (auto [stop, error] = std::from_chars(text.data(), end, result, 16);
      error != std::errc{} || stop != end)
    return std::nullopt;
  return result;
}

std::optional<chunk_hash> parse_hash(std::string_view text) {
  chunk_hash result;
  if (text.size() != 2 * result.bytes.size())
    return std::nullopt;
  for (size_t i = 0; i < result.bytes.size(); ++i) {
    const auto byte = parse_hex(text.substr(2 * i, 2));
    if (!byte)
      return std::nullopt;
    result.bytes[i] = static_cast<uint8_t>(*byte);
  }
  return result;
}

std::string with_slashes(std::string_view model) {
  std::string result;
  for (size_t at = 0; at < model.size();) {
    const auto next = model.find(separator, at);
    result += model.substr(at, next - at);
    if (next == std::string_view::npos)
      break;
    result += '/';
    at = next + separator.size();
  }
  return result;
}

object_key key_of(const object_ref& object) {
  return {object.hash, object.space->model_name, object.kv_rank, object.object_group_id,
          object.space->cache_salt};
}

/// Whether a folder can hold it: a salt or model that got past the checks of requests must not
/// lead anywhere else.
bool can_be_file(std::string_view name) {
  return name.size() <= max_name_bytes
         && name.find_first_of(std::string_view{"/\0", 2}) == std::string_view::npos;
}

} // namespace

fs_paths fs_paths_of(const object_ref& object, bool shard_dirs) {
  fs_paths result;
  result.file = file_name(key_of(object));
  if (!can_be_file(result.file))
    result.file.clear();
  result.at = result.file;
  if (!shard_dirs || result.file.empty())
    return result;
  const auto hex = to_hex(object.hash);
  result.top_folder = hex.substr(0, 2);
  result.folder = result.top_folder + '/' + hex.substr(2, 2);
  result.at = result.folder + '/' + result.file;
  result.other = result.file;
  return result;
}

std::string fs_temporary_name(uint64_t writer, uint64_t number) {
  std::array<char, 33> digits;
  auto* at = std::to_chars(digits.data(), digits.data() + 16, writer, 16).ptr;
  *at++ = '-';
  at = std::to_chars(at, digits.data() + digits.size(), number, 16).ptr;
  return "actord-" + std::string(digits.data(), at) + std::string(fs_temporary_suffix);
}

std::optional<object_key> parse_fs_name(std::string_view file) {
  if (!file.ends_with(suffix) || file.size() > max_name_bytes)
    return std::nullopt;
  auto rest = file.substr(0, file.size() - suffix.size());
  std::array<std::string_view, 5> fields;
  size_t count = 0;
  for (auto more = true; more; ++count) {
    if (count == fields.size())
      return std::nullopt;
    const auto end = rest.find('@');
    fields[count] = rest.substr(0, end);
    more = end != std::string_view::npos;
    rest.remove_prefix(more ? end + 1 : rest.size());
  }
  if (count < 4 || fields[0].empty() || !fields[1].starts_with("0x"))
    return std::nullopt;
  const auto rank = parse_hex(fields[1].substr(2));
  const auto group = parse_hex(fields[2]);
  const auto hash = parse_hash(fields[3]);
  if (!rank || !group || !hash)
    return std::nullopt;
  object_key result{*hash, with_slashes(fields[0]), *rank, *group, std::string(fields[4])};
  // Whatever else can be read in more than one way (digits that are missing or too many, an empty
  // salt with its '@') is not what a writer makes.
  if (file_name(result) != file || !cache_salt_error(result.cache_salt).empty())
    return std::nullopt;
  return result;
}

bool is_fs_shard(std::string_view name) {
  return name.size() == 2 && is_hex(name[0]) && is_hex(name[1]);
}

} // namespace actord
