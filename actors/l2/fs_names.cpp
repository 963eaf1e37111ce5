#include "actors/l2/fs_names.hpp"

#include "storage/l2_names.hpp"

#include <array>
#include <charconv>

namespace actord {

namespace {

constexpr size_t max_name_bytes = 255;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
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
  result.file = file_name(to_key(object));
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

bool is_fs_shard(std::string_view name) {
  return name.size() == 2 && is_hex(name[0]) && is_hex(name[1]);
}

} // namespace actord
