#include "actors/l2/make_backend.hpp"

#include "actors/l2/fault_backend.hpp"
#include "actors/l2/fs_backend.hpp"
#include "actors/l2/master_key.hpp"
#include "actors/l2/mock_backend.hpp"
#include "actors/l2/raw_block_backend.hpp"
#include "actors/l2/resp_backend.hpp"
#include "actors/l2/s3_backend.hpp"
#include "storage/serde/checksum.hpp"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

namespace actord {

namespace {

// Threads of serdes, together with all others, are to stay few.
constexpr uint32_t most_workers = 8;

uint32_t cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

fs_sync sync_of(fs_l2_options::sync wanted) {
  switch (wanted) {
    case fs_l2_options::sync::file: return fs_sync::file;
    case fs_l2_options::sync::all: return fs_sync::all;
    case fs_l2_options::sync::off: break;
  }
  return fs_sync::off;
}

fs_options fs_options_of(const fs_l2_options& store, const l2_time_limits& limits) {
  fs_options result;
  result.base_path = store.base_path;
  result.relative_tmp_dir = store.relative_tmp_dir;
  result.read_ahead_size = store.read_ahead_bytes;
  result.use_odirect = store.use_odirect;
  result.fsync = sync_of(store.fsync);
  result.shard_dirs = store.shard_dirs;
  result.verify_checksums = store.verify_checksums;
  result.store_limit_ms = static_cast<uint32_t>(limits.store_ms);
  result.load_limit_ms = static_cast<uint32_t>(limits.load_ms);
  result.probe_limit_ms = static_cast<uint32_t>(limits.lookup_ms);
  return result;
}

/// The peer's threads, as objects under way; fewer than that leave a disk idle, more take memory.
uint32_t lanes_of(uint32_t workers) {
  constexpr uint32_t fewest = 8, most = 64;
  return std::clamp(workers, fewest, most);
}

raw_block_options
raw_block_options_of(const raw_block_l2_options& store, const l2_time_limits& limits) {
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
  result.store_limit_ms = static_cast<uint32_t>(limits.store_ms);
  result.load_limit_ms = static_cast<uint32_t>(limits.load_ms);
  return result;
}

/// Makes the store itself, without its serde: one case for each type.
class store_maker {
public:
  store_maker(const l2_time_limits& limits, const backend_surroundings& surroundings)
    : limits_(limits), surroundings_(surroundings) {
  }

  backend_made make(const l2_adapter_options& options) {
    options_ = &options;
    return std::visit(*this, options.store);
  }

  backend_made operator()(const fs_l2_options& store) {
    auto options = fs_options_of(store, limits_);
    options.max_capacity_bytes = options_->max_capacity_bytes.value_or(0);
    options.align_bytes = surroundings_.align_bytes;
    if (auto fault = options.error(); !fault.empty())
      return {nullptr, fault};
    return {std::make_unique<fs_backend>(std::move(options)), {}};
  }
  backend_made operator()(const raw_block_l2_options& store) {
    if (store.use_uring_cmd || store.fdp_enabled)
      return {nullptr,
              "use_uring_cmd (NVMe commands, data placement by FDP) is not built: leave it "
              "out and name the block device, like /dev/nvme0n1, in place of '"
                + store.device_path + "'"};
    auto options = raw_block_options_of(store, limits_);
    if (auto fault = options.error(); !fault.empty())
      return {nullptr, fault};
    return {std::make_unique<raw_block_backend>(std::move(options)), {}};
  }
  backend_made operator()(const redis_l2_options& redis) {
    auto store = std::make_unique<resp_backend>(*options_);
    if (!redis.checksums)
      return {std::move(store), {}};
    serde_backend_options with;
    with.make = [] { return serde_made{std::make_unique<checksum_serde>(), {}}; };
    with.align_bytes = surroundings_.align_bytes;
    with.store_limit_ms = limits_.store_ms;
    with.load_limit_ms = limits_.load_ms;
    with.workers = std::clamp(cores() / 2, 1u, most_workers);
    return {std::make_unique<serde_backend>(std::move(with), std::move(store)), {}};
  }
  backend_made operator()(const s3_l2_options&) {
    return {make_s3_backend(*options_), {}};
  }

  backend_made operator()(const mock_l2_options& mock) {
    return {std::make_unique<mock_backend>(mock, limits_, timer()), {}};
  }

  backend_made operator()(const fault_inject_l2_options& faults) {
    auto inner = make(*faults.inner);
    if (!inner.backend)
      return {nullptr, "inner: " + inner.error};
    return {std::make_unique<fault_backend>(faults, limits_, std::move(inner.backend), timer()),
            {}};
  }

private:
  /// One thread for all that only pretend.
  std::shared_ptr<l2_timer> timer() {
    if (!timer_)
      timer_ = std::make_shared<timer_thread>();
    return timer_;
  }

  l2_time_limits limits_;
  const backend_surroundings& surroundings_;
  const l2_adapter_options* options_ = nullptr;
  std::shared_ptr<l2_timer> timer_;
};

serde_made make_aesgcm(const aesgcm_serde_options& options) {
  const master_key key(options.master_key_path);
  if (!key.error().empty())
    return {nullptr, key.error()};
  serde_options wanted;
  wanted.type = "aesgcm";
  wanted.aes_bits = options.aes_bits;
  wanted.master_key_path = options.master_key_path;
  wanted.master_key = key.bytes();
  wanted.bind_identity = options.bind_identity;
  wanted.refuse_unbound = options.refuse_unbound;
  return make_serde(wanted);
}

serde_made make_fp8(const fp8_serde_options& options) {
  serde_options wanted;
  wanted.type = "fp8";
  wanted.fp8_dtype = options.dtype;
  return make_serde(wanted);
}

} // namespace

backend_made
make_backend(const l2_adapter_options& options, const backend_surroundings& surroundings) {
  const l2_time_limits limits{options.store_timeout_ms, options.load_timeout_ms,
                              options.lookup_timeout_ms};
  backend_made result;
  try {
    result = store_maker(limits, surroundings).make(options);
  } catch (const std::system_error& error) {
    return {nullptr, std::string("no thread can be started (") + error.what()
                       + "): raise the limit of processes"};
  }
  if (!result.backend || options.serde.index() == 0)
    return result;
  serde_backend_options with;
  with.dtype_of = surroundings.dtype_of;
  with.align_bytes = surroundings.align_bytes;
  with.store_limit_ms = options.store_timeout_ms;
  with.load_limit_ms = options.load_timeout_ms;
  if (const auto* aesgcm = std::get_if<aesgcm_serde_options>(&options.serde)) {
    with.make = [wanted = *aesgcm] { return make_aesgcm(wanted); };
    with.workers = std::clamp(cores() / 2, 1u, most_workers);
  } else if (const auto* fp8 = std::get_if<fp8_serde_options>(&options.serde)) {
    with.make = [wanted = *fp8] { return make_fp8(wanted); };
    with.workers = std::clamp(fp8->max_workers, 1u, std::min(cores(), most_workers));
  }
  result.backend = std::make_unique<serde_backend>(std::move(with), std::move(result.backend));
  return result;
}

} // namespace actord
