#include "actors/gateway/http/object_keys.hpp"

#include <limits>
#include <optional>

namespace actord::http {

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

// Where `hex` stops being whole bytes; its size when it does not.
size_t hex_end(const std::string& hex) {
  for (size_t i = 0; i < hex.size(); ++i)
    if (digit_of(hex[i]) < 0)
      return i;
  return hex.size();
}

std::string fault_of(const named_key& key) {
  const auto end = hex_end(key.chunk_hash_hex);
  if (end != key.chunk_hash_hex.size() || end % 2 != 0)
    return "non-hexadecimal number found in fromhex() arg at position " + std::to_string(end);
  if (key.model_name.find('@') != std::string::npos)
    return "model_name must not contain '@' (got '" + key.model_name + "')";
  if (auto fault = salt_fault(key.cache_salt); !fault.empty())
    return fault;
  if (key.object_group_id < 0)
    return "object_group_id must be >= 0 (got " + std::to_string(key.object_group_id) + ")";
  return "";
}

std::optional<object_key> key_of(const named_key& from) {
  constexpr int64_t most = std::numeric_limits<uint32_t>::max();
  object_key key;
  if (from.chunk_hash_hex.size() != 2 * key.hash.bytes.size() || from.kv_rank < 0
      || from.kv_rank > most || from.object_group_id > most)
    return std::nullopt;
  for (size_t i = 0; i < key.hash.bytes.size(); ++i)
    key.hash.bytes[i] = static_cast<uint8_t>(digit_of(from.chunk_hash_hex[2 * i]) * 16
                                             + digit_of(from.chunk_hash_hex[2 * i + 1]));
  key.model_name = from.model_name;
  key.kv_rank = static_cast<uint32_t>(from.kv_rank);
  key.object_group_id = static_cast<uint32_t>(from.object_group_id);
  key.cache_salt = from.cache_salt;
  return key;
}

} // namespace

std::string salt_fault(const std::string& salt) {
  constexpr size_t most_characters = 128;
  if (salt.size() > most_characters)
    return "cache_salt must be at most 128 characters (got " + std::to_string(salt.size()) + ")";
  for (char c : {'@', '/', '\\', '\0'})
    if (salt.find(c) != std::string::npos) {
      const std::string named = c == '\0' ? "\\x00" : c == '\\' ? "\\\\" : std::string(1, c);
      return "cache_salt must not contain frozenset({'" + named + "'}) (got '" + salt + "')";
    }
  return "";
}

std::vector<named_key> read_keys(const json& list, const json& loc, complaints& out) {
  std::vector<named_key> result;
  if (!list.is_array()) {
    out.add("list_type", loc, "Input should be a valid list", list);
    return result;
  }
  for (size_t i = 0; i < list.size(); ++i) {
    json where = loc;
    where.push_back(i);
    if (!list[i].is_object()) {
      out.add("dataclass_type", where, "Input should be a dictionary or an instance of ObjectKey",
              list[i], {{"class_name", "ObjectKey"}});
      continue;
    }
    fields values{list[i], where, out};
    named_key key;
    key.chunk_hash_hex = values.text("chunk_hash_hex");
    key.model_name = values.text("model_name");
    key.kv_rank = values.integer("kv_rank");
    key.object_group_id = values.integer("object_group_id", 0);
    key.cache_salt = values.text("cache_salt", "");
    result.push_back(std::move(key));
  }
  return result;
}

std::string collect_keys(const std::vector<named_key>& keys, std::vector<object_key>& to) {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (auto fault = fault_of(keys[i]); !fault.empty())
      return "keys[" + std::to_string(i) + "]: " + fault;
    if (auto key = key_of(keys[i]))
      to.push_back(std::move(*key));
  }
  return "";
}

} // namespace actord::http
