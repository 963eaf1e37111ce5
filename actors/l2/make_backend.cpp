#include "actors/l2/make_backend.hpp"

#include "actors/l2/fs_backend.hpp"

namespace actord {

namespace {

using made_backend = std::variant<std::shared_ptr<l2_backend>, std::string>;

fs_sync sync_of(fs_l2_options::sync wanted) {
  switch (wanted) {
    case fs_l2_options::sync::file: return fs_sync::file;
    case fs_l2_options::sync::all: return fs_sync::all;
    case fs_l2_options::sync::off: break;
  }
  return fs_sync::off;
}

made_backend
make(const fs_l2_options& store, const l2_adapter_options& options, uint32_t align_bytes) {
  fs_options result;
  result.base_path = store.base_path;
  result.relative_tmp_dir = store.relative_tmp_dir;
  result.read_ahead_size = store.read_ahead_bytes;
  result.use_odirect = store.use_odirect;
  result.fsync = sync_of(store.fsync);
  result.shard_dirs = store.shard_dirs;
  result.verify_checksums = store.verify_checksums;
  result.max_capacity_bytes = options.max_capacity_bytes.value_or(0);
  result.align_bytes = align_bytes;
  result.store_limit_ms = static_cast<uint32_t>(options.store_timeout_ms);
  result.load_limit_ms = static_cast<uint32_t>(options.load_timeout_ms);
  result.probe_limit_ms = static_cast<uint32_t>(options.lookup_timeout_ms);
  if (auto fault = result.error(); !fault.empty())
    return fault;
  return std::make_shared<fs_backend>(std::move(result));
}

template <class Store>
made_backend make(const Store&, const l2_adapter_options& options, uint32_t) {
  return "the type '" + options.type + "' is known, and not built yet; use fs";
}

} // namespace

std::variant<std::shared_ptr<l2_backend>, std::string>
make_backend(const l2_adapter_options& options, uint32_t align_bytes) {
  return std::visit([&](const auto& store) { return make(store, options, align_bytes); },
                    options.store);
}

} // namespace actord
