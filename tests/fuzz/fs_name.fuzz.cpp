// What lies in a folder of objects: names of files, and the attribute beside their bytes.
#include "actors/l2/fs_attribute.hpp"
#include "actors/l2/fs_names.hpp"
#include "storage/l2_names.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

using namespace actord;

namespace {

void check_attribute(std::span<const std::byte> bytes) {
  const auto value = decode_fs_attribute(bytes);
  if (!value)
    return;
  const auto again = encode(*value);
  if (!std::equal(bytes.begin(), bytes.end(), again.begin(), again.end()))
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_attribute({reinterpret_cast<const std::byte*>(data), size});
  const std::string_view name{reinterpret_cast<const char*>(data), size};
  is_fs_shard(name);
  const auto key = parse_file_name(name);
  if (!key)
    return 0;
  // What is read is spelled as it was, and is a file of the folder itself.
  const auto space = std::make_shared<const key_space>(
    key_space{key->model_name, key->kv_rank >> 24, key->cache_salt});
  const object_ref object{space, key->hash, key->kv_rank, key->object_group_id, 0};
  const auto file = fs_paths_of(object, false).file;
  if (file != name && name.find('\0') == std::string_view::npos
      && name.find('/') == std::string_view::npos)
    std::abort();
  return 0;
}
