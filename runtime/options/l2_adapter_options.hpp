// What one --l2-adapter asked for, parsed and range-checked: plain values, one struct per kind of
// store. Nothing here has been looked up: paths, hosts and keys are text until the adapter opens.
#pragma once

#include "runtime/options/eviction_options.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace actord {

/// Most adapters that one daemon has.
inline constexpr std::size_t max_l2_adapters = 64;

/// A folder of files, one per object: types fs and fs_native (spec l2-adapters §6.1, §6.2).
struct fs_l2_options {
  /// Folder of the objects; made when missing. Never empty, at most 4095 bytes, no NUL.
  std::string base_path;
  /// Folder of unfinished files below base_path: relative, without `..`. Empty: base_path itself.
  std::string relative_tmp_dir;
  /// Bytes to read first so that the kernel reads ahead, > 0; 0: not asked for.
  std::uint64_t read_ahead_bytes = 0;
  /// Past the page cache.
  bool use_odirect = false;
  /// Operations on files at a time, 1..65536.
  std::uint32_t num_workers = 4;
  /// What is made durable before a store counts: nothing, the file, or the file and its folder.
  enum class sync : std::uint8_t { off, file, all } fsync = sync::off;
  /// Files lie two folders deep by their hash, not all in base_path. The peer cannot read that.
  bool shard_dirs = false;
  /// Keep a checksum beside each object and compare it at each load.
  bool verify_checksums = true;
  /// Read the folder at start, so that use and age of what lies there are known.
  bool scan_at_start = true;
  /// Unfinished files older than this are removed at start, ms, > 0.
  std::int64_t stale_tmp_age_ms = 3'600'000;
};

/// A block device, or a file of fixed size, cut into equal slots (spec l2-adapters §8.1).
struct raw_block_l2_options {
  /// As both servers must spell it: it stands in the checkpoint. As fs_l2_options::base_path.
  std::string device_path;
  /// Bytes of a slot, header included: a multiple of block_align, > header_bytes.
  std::uint64_t slot_bytes = 0;
  /// Bytes of the device to use, > meta_total_bytes; 0: all.
  std::uint64_t capacity_bytes = 0;
  /// Past the page cache; false where use_uring_cmd is true.
  bool use_odirect = true;
  /// Unit of every transfer in bytes: a power of two, 32..16777216, at most L1's alignment where
  /// the page cache is passed by.
  std::uint32_t block_align = 4096;
  /// Bytes before the payload of a slot: a multiple of block_align.
  std::uint32_t header_bytes = 4096;
  /// Bytes of both checkpoint containers: a multiple of block_align.
  std::uint64_t meta_total_bytes = 268'435'456;
  /// First eight bytes of a checkpoint, ASCII.
  std::string meta_magic = "LMCIDX01";
  std::uint32_t meta_version = 1;
  /// Between checkpoints, ms, >= 1000.
  std::int64_t meta_checkpoint_interval_ms = 60'000;
  /// A periodic checkpoint waits for this long without I/O, ms, >= 0.
  std::int64_t meta_idle_quiet_ms = 100;
  bool meta_enable_periodic = true;
  bool load_checkpoint_on_init = true;
  /// Compare the header of every slot that the checkpoint names.
  bool meta_verify_on_load = true;
  bool enable_zero_copy = true;
  /// `posix` or `io_uring`: shown; this daemon always uses io_uring.
  std::string io_engine = "posix";
  /// Operations in flight, 1..32768.
  std::uint32_t iouring_queue_depth = 256;
  /// NVMe commands through a generic character device (ng0n1).
  bool use_uring_cmd = false;
  /// Largest NVMe command in bytes, a multiple of block_align; 0: what the device allows.
  std::uint64_t max_data_transfer_size_bytes = 0;
  bool fdp_enabled = false;
  /// Placement ids for data, 1..65535, unique; empty: all that the device reports.
  std::vector<std::uint16_t> fdp_placement_ids;
  /// none, cache_salt_prefix or cache_salt_rank.
  std::string fdp_data_placement_policy = "none";
  /// none or pid_affinity.
  std::string fdp_slot_reuse_policy = "none";
  /// Placement id of checkpoints, not among those for data; 0: none.
  std::uint16_t meta_checkpoint_placement_id = 0;
  /// 1..65536 each; the peer's threads, here operations at a time.
  std::uint32_t num_store_workers = 2, num_lookup_workers = 1, num_load_workers = 4;
  /// Keep a checksum in the spare bytes of the slot header and compare it at each load.
  bool verify_checksums = true;
};

struct network_node {
  std::string host;
  std::uint16_t port = 0; // never 0
};

/// How a TLS connection proves itself. Empty paths: the system's trust store, no certificate.
struct tls_options {
  std::string ca_file, cert_file, key_file;
  /// Name that the server's certificate must have; empty: the host's.
  std::string server_name;
  /// False: any certificate does.
  bool verify = true;
};

/// Redis and what speaks like it: types resp and valkey (spec l2-adapters §7.1, §7.2).
struct redis_l2_options {
  /// Never empty; resp has one. Without `cluster` only the first is used.
  std::vector<network_node> nodes;
  bool cluster = false;
  std::string username;
  /// A secret, never shown. Empty: no AUTH.
  std::string password;
  /// Before every key, with @; never has an @ itself. Empty: none.
  std::string key_prefix;
  /// SELECT it; not in a cluster.
  std::optional<std::uint32_t> database_id;
  /// 1..65536: shown, and the default of `connections`.
  std::uint32_t num_workers = 8;
  /// TCP connections to each node, 1..1024.
  std::uint32_t connections = 8;
  /// Empty: plain TCP.
  std::optional<tls_options> tls;
  /// Of one command, and of connecting with AUTH, ms, > 0.
  std::int64_t request_timeout_ms = 5'000, connect_timeout_ms = 5'000;
  /// Life of a stored value, s, > 0; 0: for ever.
  std::int64_t ttl_s = 0;
  /// SCAN the server at start, so that use is known.
  bool scan_at_start = false;
  /// Each value ends with a checksum of its own. The peer cannot read that.
  bool checksums = false;
};

/// Buckets (spec l2-adapters §7.3).
struct s3_l2_options {
  /// As given; then what it says: `bucket.host`, and the port, 0: that of the scheme.
  std::string endpoint, host;
  std::uint16_t port = 0;
  std::string region;
  /// 1..65536: shown, and the default of `connections`.
  std::uint32_t num_io_threads = 64;
  bool prefer_http2 = true;
  bool enable_s3express = false;
  /// Plain HTTP.
  bool disable_tls = false;
  /// Secrets, never shown; both or none. The token belongs to temporary keys.
  std::string access_key_id, secret_access_key, session_token;
  /// The bucket stands in the path, not in the host name: MinIO, Ceph.
  bool path_style = false;
  /// First part of `host`; found at its first dot unless given. Empty without path_style.
  std::string bucket;
  /// HTTP connections, 1..1024.
  std::uint32_t connections = 64;
  /// Objects above the first are sent in parts of the second, bytes, 5 MiB..5 GiB.
  std::uint64_t multipart_threshold_bytes = 8 << 20, multipart_part_bytes = 8 << 20;
  /// Attempts after the first, 0..20, within the time limit of the store.
  std::uint32_t max_retries = 3;
  /// Of one HTTP request, and of connecting with TLS, ms, > 0.
  std::int64_t request_timeout_ms = 30'000, connect_timeout_ms = 5'000;
  /// Where keys are looked for, in this order: static, environment, profile, web_identity,
  /// container, instance_metadata. Never empty, unique.
  std::vector<std::string> credential_sources;
  /// Section of the AWS files.
  std::string profile = "default";
  /// Certificates to trust besides the system's; empty: none.
  std::string ca_file;
};

/// Memory that behaves like a slow store (spec l2-adapters §9.6).
struct mock_l2_options {
  std::uint64_t max_size_bytes = 0;      // > 0
  double bandwidth_bytes_per_second = 0; // > 0
};

struct l2_adapter_options;

/// Another adapter with faults (spec l2-adapters §9.6).
struct fault_inject_l2_options {
  /// Never null. Its eviction, persistence and capacity are those of the whole; its serde, tag,
  /// time limits and breaker count for nothing.
  std::shared_ptr<const l2_adapter_options> inner;
  /// Share of loaded objects that are reported missing, [0, 1], chosen by key and seed.
  double rate = 0;
  std::int64_t seed = 0;
  /// Places of a task that are reported missing: counted from 0, and as shares from its end.
  std::vector<std::int64_t> gap_indices;
  std::vector<double> gap_tail_ratios;
  /// Every operation is late by this much, ms.
  std::int64_t delay_ms = 0;
  /// Shares of operations, [0, 1]: never answered before their time limit; stored in half; loaded
  /// with one bit wrong; refused for lack of room. Chosen by fault_seed.
  double hang_rate = 0, torn_write_rate = 0, bit_flip_rate = 0, enospc_rate = 0;
  std::int64_t fault_seed = 0;
};

/// Encryption between L1 and the store (spec l2-adapters §10).
struct aesgcm_serde_options {
  /// 128 or 256.
  std::uint32_t aes_bits = 256;
  /// File with the master key; read when the adapter opens.
  std::string master_key_path;
  /// Tie each frame to the name it is stored under. The peer cannot read that.
  bool bind_identity = false;
  /// Frames that are not tied to their name are misses; only with bind_identity.
  bool refuse_unbound = false;
};

/// One byte per element between L1 and the store (spec l2-adapters §10).
struct fp8_serde_options {
  /// float8_e4m3fn or float8_e5m2.
  std::string dtype = "float8_e4m3fn";
  std::uint32_t max_workers = 1; // 1..1024
};

/// When an adapter that fails is left alone for a while (spec l2-adapters §13.5).
struct l2_breaker_options {
  /// Failures in a row that open it, 1..1000000.
  std::uint32_t failures = 3;
  /// Until the first probe, ms; doubles with each that fails, up to the maximum.
  std::int64_t cooldown_ms = 5'000, max_cooldown_ms = 300'000;
  /// An operation slower than this counts as failed, ms; 0: none does.
  std::int64_t latency_limit_ms = 0;
};

/// One store behind L1 (spec l2-adapters §4.1).
struct l2_adapter_options {
  /// As given: fs and fs_native are the same store under two names, which events show.
  std::string type;
  /// L1 that it belongs to.
  std::string affinity_tag = "_default";
  /// Other daemons use it too: shown in events.
  bool shared = false;
  std::optional<eviction_options> eviction;
  bool persist_enabled = true;
  std::variant<std::monostate, aesgcm_serde_options, fp8_serde_options> serde;
  /// Bytes it may hold; 0: it has no limit of its own. Empty: nobody said, and a folder of files
  /// then takes 80 % of the free space of its volume, all others none. raw_block and mock have a
  /// size of their own instead.
  std::optional<std::uint64_t> max_capacity_bytes;
  /// Limits of a task, ms, 1..3600000.
  std::int64_t store_timeout_ms = 30'000, load_timeout_ms = 30'000, lookup_timeout_ms = 10'000;
  l2_breaker_options breaker;
  /// Nobody else stores there: what this daemon does not know of is not looked for.
  bool exclusive = false;
  std::variant<fs_l2_options, raw_block_l2_options, redis_l2_options, s3_l2_options,
               mock_l2_options, fault_inject_l2_options>
    store;
};

} // namespace actord
