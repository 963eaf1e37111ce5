#include "actors/l2/make_backend.hpp"

#include "actors/l2/fs_backend.hpp"
#include "actors/l2/raw_block_backend.hpp"

#include <algorithm>

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

/// The peer's threads, as objects under way; fewer than that leave a disk idle, more take memory.
uint32_t lanes_of(uint32_t workers) {
  constexpr uint32_t fewest = 8, most = 64;
  return std::clamp(workers, fewest, most);
}

made_backend make(const raw_block_l2_options& store, const l2_adapter_options& options, uint32_t) {
  if (store.use_uring_cmd || store.fdp_enabled)
    return "use_uring_cmd (NVMe commands, data placement by FDP) is not built: leave it out and "
           "name the block device, like /dev/nvme0n1, in place of '"
           + store.device_path + "'";
  raw_block_options result;
  auto& config = result.config;
  config.device_path = store.device_path;
  config.slot_bytes = store.slot_bytes;
  config.capacity_bytes = store.capacity_bytes;
  config.block_align_bytes = store.block_align;
  config.header_bytes = store.header_bytes;
  config.meta_total_bytes = store.meta_total_bytes;
  config.meta_magic = store.meta_magic;
  config.meta_version = store.meta_version;
  result.use_odirect = store.use_odirect;
  result.load_checkpoint = store.load_checkpoint_on_init;
  result.verify_on_load = store.meta_verify_on_load;
  result.verify_checksums = store.verify_checksums;
  result.periodic = store.meta_enable_periodic;
  result.checkpoint_interval_ms
    = static_cast<uint32_t>(std::min<int64_t>(store.meta_checkpoint_interval_ms, UINT32_MAX));
  result.quiet_ms = static_cast<uint32_t>(std::min<int64_t>(store.meta_idle_quiet_ms, UINT32_MAX));
  result.io_engine = store.io_engine;
  result.ring_entries = store.iouring_queue_depth;
  result.store_lanes = lanes_of(store.num_store_workers);
  result.load_lanes = lanes_of(store.num_load_workers);
  result.store_limit_ms = static_cast<uint32_t>(options.store_timeout_ms);
  result.load_limit_ms = static_cast<uint32_t>(options.load_timeout_ms);
  if (auto fault = result.error(); !fault.empty())
    return fault;
  return std::make_shared<raw_block_backend>(std::move(result));
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
