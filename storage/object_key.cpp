#include "storage/object_key.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr size_t max_salt_characters = 128;
constexpr size_t kv_rank_digits = 8;
constexpr std::string_view hex_digits = "0123456789abcdef";

/// Lower-case hex of `value`, zero-padded to at least `min_digits`.
void append_hex(std::string& out, uint32_t value, size_t min_digits) {
  size_t digits = 1;
  while (digits < 8 && value >> (4 * digits) != 0)
    ++digits;
  for (size_t left = std::max(digits, min_digits); left > 0; --left)
    out += hex_digits[value >> (4 * (left - 1)) & 0xf];
}

void append_hex(std::string& out, const chunk_hash& hash) {
  for (auto byte : hash.bytes) {
    out += hex_digits[byte >> 4];
    out += hex_digits[byte & 0xf];
  }
}

/// `@kvrank@group@hash[@salt]`
void append_tail(std::string& out, const object_key& key, std::string_view kv_rank_prefix) {
  out += '@';
  out += kv_rank_prefix;
  append_hex(out, key.kv_rank, kv_rank_digits);
  out += '@';
  append_hex(out, key.object_group_id, 1);
  out += '@';
  append_hex(out, key.hash);
  if (!key.cache_salt.empty()) {
    out += '@';
    out += key.cache_salt;
  }
}

/// Code points of UTF-8 text, as the peer counts characters.
size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<uint8_t>(c) & 0xc0) != 0x80;
  }));
}

} // namespace

std::string_view model_name_error(std::string_view model_name) {
  if (model_name.find('@') != std::string_view::npos)
    return "a model name must not contain '@'; rename the served model";
  // The peer lets NUL pass; in a file name it would cut off the rest of the
  // key.
  if (model_name.find('\0') != std::string_view::npos)
    return "a model name must not contain a NUL character; rename the served "
           "model";
  return {};
}

std::string_view cache_salt_error(std::string_view cache_salt) {
  if (cache_salt.find_first_of(std::string_view{"@/\\\0", 4}) != std::string_view::npos)
    return "a cache salt must not contain '@', '/', '\\' or NUL; choose "
           "another salt";
  if (characters(cache_salt) > max_salt_characters)
    return "a cache salt has at most 128 characters; choose a shorter salt";
  return {};
}

std::string to_hex(const chunk_hash& hash) {
  std::string result;
  result.reserve(2 * hash.bytes.size());
  append_hex(result, hash);
  return result;
}

std::string remote_name(const object_key& key) {
  std::string result = key.model_name;
  append_tail(result, key, "");
  return result;
}

std::string file_name(const object_key& key) {
  std::string result;
  for (char c : key.model_name) {
    if (c == '/')
      result += "-SEP-";
    else
      result += c;
  }
  append_tail(result, key, "0x");
  result += ".data";
  return result;
}

} // namespace actord
