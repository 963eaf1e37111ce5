// Names found in folders, stores and checkpoints.
#include "storage/l2_names.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

using namespace actord;

namespace {

/// What is parsed has a good key whose name is the one parsed.
template <class Render>
void check(const std::optional<object_key>& key, std::string_view name, Render render) {
  if (!key)
    return;
  if (!model_name_error(key->model_name).empty() || !cache_salt_error(key->cache_salt).empty()
      || render(*key) != name)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view name{reinterpret_cast<const char*>(data), size};
  check(parse_remote_name(name), name, remote_name);
  check(parse_valkey_name("p", name), name, [](const auto& key) { return valkey_name("p", key); });
  check(parse_raw_block_name(name), name, raw_block_name);
  const auto file = parse_file_name(name);
  check(file, name, file_name);
  if (file && file_model_name(file->model_name) != file->model_name)
    std::abort();
  if ((kind_of_file(name, false) == file_kind::object) != file.has_value())
    std::abort();
  if (kind_of_file(name, true) == file_kind::object)
    std::abort();
  return 0;
}
