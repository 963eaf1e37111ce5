#include "storage/l2_names.hpp"

#include "storage/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace actord {

namespace {

constexpr size_t kv_rank_digits = 8;
constexpr size_t unique_digits = 16;
constexpr std::string_view rank_mark = "0x";
constexpr std::string_view slash_in_file = "-SEP-";
constexpr std::string_view file_ending = ".data";
constexpr std::string_view temporary_ending = ".tmp";

/// Lower-case hex of `value`, zero-padded to at least `min_digits`.
void append_hex(std::string& out, uint64_t value, size_t min_digits) {
  std::array<char, 16> digits{};
  const auto* end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
  const auto count = static_cast<size_t>(end - digits.data());
  if (count < min_digits)
    out.append(min_digits - count, '0');
  out.append(digits.data(), count);
}

/// `@kvrank@group@hash[@salt]`
void append_tail(std::string& out, const object_key& key, std::string_view kv_rank_prefix) {
  out += '@';
  out += kv_rank_prefix;
  append_hex(out, key.kv_rank, kv_rank_digits);
  out += '@';
  append_hex(out, key.object_group_id, 1);
  out += '@';
  out += to_hex(key.hash);
  if (!key.cache_salt.empty()) {
    out += '@';
    out += key.cache_salt;
  }
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
         || c == '.' || c == '-' || c == '~';
}

/// Percent-encoding of all bytes but unreserved characters and `kept`.
std::string percent_encoded(std::string_view text, std::string_view kept) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (char c : text) {
    if (is_unreserved(c) || kept.find(c) != std::string_view::npos) {
      result += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      result += {'%', digits[byte >> 4], digits[byte & 0xf]};
    }
  }
  return result;
}

std::optional<uint32_t> parse_hex(std::string_view text) {
  uint32_t value = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value, 16);
  if (parsed.ec != std::errc{} || parsed.ptr != end)
    return std::nullopt;
  return value;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    size_t taken = 1;
    if (text[0] == '%') {
      const auto byte = text.size() >= 3 ? parse_hex(text.substr(1, 2)) : std::nullopt;
      if (!byte)
        return std::nullopt;
      result += static_cast<char>(*byte);
      taken = 3;
    } else {
      result += text[0];
    }
    text.remove_prefix(taken);
  }
  return result;
}

std::string with_slashes(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto at = std::min(text.find(slash_in_file), text.size());
    result += text.substr(0, at);
    text.remove_prefix(at);
    if (!text.empty()) {
      result += '/';
      text.remove_prefix(slash_in_file.size());
    }
  }
  return result;
}

std::string without_slashes(std::string_view text) {
  std::string result;
  for (char c : text)
    if (c == '/')
      result += slash_in_file;
    else
      result += c;
  return result;
}

/// The part of `rest` before the next '@', or all of it; none when nothing is left.
std::optional<std::string_view> next_field(std::optional<std::string_view>& rest) {
  if (!rest)
    return std::nullopt;
  const auto at = rest->find('@');
  const auto result = rest->substr(0, at);
  rest = at == std::string_view::npos ? std::nullopt : std::optional{rest->substr(at + 1)};
  return result;
}

/// Splits a name; the model stays encoded. Takes some spellings that nobody writes: callers spell
/// the key again and compare.
std::optional<object_key> split(std::string_view name, std::string_view kv_rank_prefix) {
  std::optional rest{name};
  const auto model = next_field(rest), rank = next_field(rest), group = next_field(rest),
             hash = next_field(rest), salt = next_field(rest);
  if (!hash || rest || !rank->starts_with(kv_rank_prefix))
    return std::nullopt;
  const auto kv_rank = parse_hex(rank->substr(kv_rank_prefix.size()));
  const auto object_group = parse_hex(*group);
  const auto chunk = parse_chunk_hash(*hash);
  if (!kv_rank || *kv_rank >> 24 == 0 || !object_group || !chunk)
    return std::nullopt;
  return object_key{*chunk, std::string{*model}, *kv_rank, *object_group,
                    std::string{salt.value_or("")}};
}

bool is_valid(const object_key& key) {
  return model_name_error(key.model_name).empty() && cache_salt_error(key.cache_salt).empty()
         && is_utf8(key.model_name) && is_utf8(key.cache_salt);
}

bool is_own_temporary(std::string_view name) {
  const auto hash_digits = 2 * sizeof(chunk_hash::bytes);
  const auto unique = name.substr(std::min(hash_digits, name.size()));
  return parse_chunk_hash(name.substr(0, hash_digits)) && unique.starts_with('.')
         && unique.size() == 1 + unique_digits + temporary_ending.size()
         && unique.substr(1, unique_digits).find_first_not_of("0123456789abcdef")
              == std::string_view::npos
         && unique.ends_with(temporary_ending);
}

} // namespace

std::string remote_name(const object_key& key) {
  std::string result = key.model_name;
  append_tail(result, key, "");
  return result;
}

std::string valkey_name(std::string_view key_prefix, const object_key& key) {
  auto name = remote_name(key);
  return key_prefix.empty() ? name : std::string{key_prefix} + '@' + name;
}

std::string s3_request_path(const object_key& key) {
  return '/' + percent_encoded(remote_name(key), "/");
}

std::string file_name(const object_key& key) {
  auto result = without_slashes(key.model_name);
  append_tail(result, key, rank_mark);
  result += file_ending;
  return result;
}

std::string raw_block_name(const object_key& key) {
  auto result = percent_encoded(key.model_name, "");
  append_tail(result, key, rank_mark);
  return result;
}

std::optional<object_key> parse_remote_name(std::string_view name) {
  auto key = split(name, "");
  return key && is_valid(*key) && remote_name(*key) == name ? key : std::nullopt;
}

std::optional<object_key> parse_valkey_name(std::string_view key_prefix, std::string_view name) {
  if (!key_prefix.empty()) {
    if (!name.starts_with(key_prefix) || !name.substr(key_prefix.size()).starts_with('@'))
      return std::nullopt;
    name.remove_prefix(key_prefix.size() + 1);
  }
  return parse_remote_name(name);
}

std::optional<object_key> parse_raw_block_name(std::string_view name) {
  auto key = split(name, rank_mark);
  const auto model = key ? percent_decoded(key->model_name) : std::nullopt;
  if (!model)
    return std::nullopt;
  key->model_name = *model;
  return is_valid(*key) && raw_block_name(*key) == name ? key : std::nullopt;
}

std::optional<object_key> parse_file_name(std::string_view name) {
  if (!name.ends_with(file_ending))
    return std::nullopt;
  auto key = split(name.substr(0, name.size() - file_ending.size()), rank_mark);
  if (!key)
    return std::nullopt;
  key->model_name = with_slashes(key->model_name);
  // No folder holds a longer name.
  const bool can_be = name.size() <= max_file_name_bytes && !key->model_name.empty();
  return can_be && is_valid(*key) && file_name(*key) == name ? key : std::nullopt;
}

std::string file_model_name(std::string_view model_name) {
  return with_slashes(without_slashes(model_name));
}

std::string_view key_prefix_error(std::string_view key_prefix) {
  if (key_prefix.find('@') != std::string_view::npos)
    return "a key prefix must not contain '@', which parts the fields of a key; choose another "
           "prefix";
  return {};
}

std::string file_name_error(const object_key& key) {
  const auto bytes = file_name(key).size();
  if (bytes <= max_file_name_bytes)
    return {};
  return "a file name of " + std::to_string(bytes) + " bytes, "
         + std::to_string(without_slashes(key.model_name).size()) + " of them for the model and "
         + std::to_string(key.cache_salt.size()) + " for the cache salt, exceeds the "
         + std::to_string(max_file_name_bytes)
         + " that file systems take; serve the model under a shorter name or shorten the salt";
}

std::string temporary_file_name(const object_key& key, uint64_t unique) {
  auto result = to_hex(key.hash) + '.';
  append_hex(result, unique, unique_digits);
  result += temporary_ending;
  return result;
}

file_kind kind_of_file(std::string_view name, bool in_temporary_folder) {
  if (parse_file_name(name))
    return in_temporary_folder ? file_kind::temporary : file_kind::object;
  if (is_own_temporary(name))
    return file_kind::temporary;
  // The peer's: the final name with another ending.
  if (name.ends_with(temporary_ending)) {
    const auto stem = name.substr(0, name.size() - temporary_ending.size());
    if (parse_file_name(std::string{stem} + std::string{file_ending}))
      return file_kind::temporary;
  }
  return file_kind::other;
}

} // namespace actord
