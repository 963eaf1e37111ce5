#include "storage/object_key.hpp"

#include <algorithm>

namespace actord {

namespace {

constexpr size_t max_salt_characters = 128;
constexpr std::string_view hex_digits = "0123456789abcdef";

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
  for (auto byte : hash.bytes) {
    result += hex_digits[byte >> 4];
    result += hex_digits[byte & 0xf];
  }
  return result;
}

std::optional<chunk_hash> parse_chunk_hash(std::string_view hex) {
  chunk_hash result;
  if (hex.size() != 2 * result.bytes.size())
    return std::nullopt;
  for (size_t i = 0; i < hex.size(); ++i) {
    const auto digit = hex_digits.find(hex[i]);
    if (digit == std::string_view::npos)
      return std::nullopt;
    auto& byte = result.bytes[i / 2];
    byte = static_cast<uint8_t>(byte << 4 | digit);
  }
  return result;
}

} // namespace actord
