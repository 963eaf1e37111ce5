// What the operator asked for, parsed and range-checked: plain values, one struct per part of the
// daemon.
#pragma once

#include "runtime/options/eviction_options.hpp"
#include "runtime/options/l2_adapter_options.hpp"
#include "runtime/options/model_server_options.hpp"
#include "runtime/options/otlp_options.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace actord {

/// Which transfer operations the daemon serves (spec cli-http §1.8).
enum class transfer_mode : std::uint8_t { lmcache_driven, engine_driven, both };

enum class log_level : std::uint8_t { debug, info, warning, error, critical };

enum class log_format : std::uint8_t { text, json };

/// Request side: sockets, hashing, sessions, worker liveness (spec cli-http §1.4.1).
struct mp_options {
  /// Name of this daemon in logs, traces and /config. Never empty: a random UUID v4 stands in.
  std::string instance_id;
  /// Address or name the ZMQ socket binds to; names are resolved by the gateway.
  std::string host = "localhost";
  /// TCP port of the ZMQ socket, 0..65535; 0 lets the system choose.
  std::uint16_t port = 5555;
  /// Also bind ipc://<ipc_path>; empty: TCP only. At most 107 bytes (limit of Unix sockets).
  std::string ipc_path;
  /// File with the CURVE server key; empty: no encryption.
  std::string curve_server_key_file;
  /// Z85 secret key read from that file (40 characters); a secret, never shown.
  std::string curve_server_secret_key;
  /// Deadline of a request, ms.
  std::int64_t request_timeout_ms = 60'000;
  /// Tokens per chunk, 1..1048576.
  std::uint32_t chunk_size = 256;
  /// Engine block id that means "no data"; -1 where block 0 is real.
  std::int64_t null_block_id = 0;
  /// Base of the two worker counts below, 1..1024.
  std::uint32_t max_workers = 1;
  /// Workers for requests bound to an engine worker; max_workers unless given.
  std::uint32_t max_gpu_workers = 1;
  /// Workers for all other requests; max_workers unless given.
  std::uint32_t max_cpu_workers = 1;
  /// Threads of the gRPC transport (not built yet): shown, no effect.
  std::uint32_t grpc_server_workers = 32;
  /// blake3, sha256_cbor, sha256_cbor_64bit (alias of sha256_cbor) or sha256.
  std::string hash_algorithm = "blake3";
  transfer_mode supported_transfer_mode = transfer_mode::both;
  /// Engine and daemon share no /dev/shm and no IPC namespace; both sides must agree.
  bool isolated_ipc = false;
  /// One object group per sliding-window size at registration.
  bool separate_object_groups = false;
  /// A worker silent for longer loses its registration, ms; 0: never, else >= 30000.
  std::int64_t worker_reap_timeout_ms = 120'000;
  /// The same for a worker that never pinged, ms; >= worker_reap_timeout_ms.
  std::int64_t worker_registration_grace_ms = 3'600'000;
  /// A session idle for longer is forgotten, ms, > 0.
  std::int64_t session_ttl_ms = 600'000;
  /// Records kept for KV-event subscribers; 0: events off.
  std::uint32_t kv_event_log_size = 32'768;
  /// JSON object handed to runtime plugins, as text: shown, no effect.
  std::string runtime_plugin_config = "{}";
  /// Imports allowed to /run_script, which this daemon answers as disabled: shown, no effect.
  std::vector<std::string> script_allowed_imports;
  bool run_script_api_enabled = false;
};

/// The CPU memory tier (spec cli-http §1.4.3, cache-core §6.2).
struct l1_options {
  /// Size of the pool in bytes, > 0 and >= align_bytes.
  std::uint64_t size_bytes = 0;
  /// Alignment of every slot in bytes: a power of two >= 4096.
  std::uint32_t align_bytes = 4096;
  /// Name of the POSIX shared memory as given; empty: the daemon makes one from its port.
  std::string shm_name;
  /// Life of a reserved, uncommitted slot, ms, > 0.
  std::int64_t write_ttl_ms = 600'000;
  /// Life of a lookup's unclaimed read lease, ms, > 0.
  std::int64_t read_ttl_ms = 300'000;
  /// Tag shown in /config and /status.
  std::string tag = "_default";
  /// Asked for a lazily grown pool: no effect, pages are always reserved in the background.
  bool use_lazy = true;
  /// First size of a lazy pool in GiB: no effect.
  std::int64_t init_size_gb = 20;
  /// GPU-direct storage with O_DIRECT (not built yet): shown, no effect.
  bool gds_use_direct_io = true;
  /// Backend of GPU-direct storage (not built yet): always `auto`.
  std::string gds_backend = "auto";
  eviction_options eviction;
};

/// The HTTP gateway (spec cli-http §1.4.5, §2).
struct http_options {
  std::string host = "127.0.0.1";
  /// 0..65535; 0 lets the system choose.
  std::uint16_t port = 8080;
  /// File with the bearer token; empty: no token.
  std::string token_file;
  /// Token read from that file, surrounding blanks removed; a secret, never shown.
  std::string token;
  /// Serve every route without a token on any address.
  bool insecure = false;
};

/// Metrics, logs and traces (spec cli-http §1.4.6, observability §5.8).
struct observability_options {
  bool enabled = true;
  bool metrics_enabled = true;
  bool logging_enabled = true;
  bool grpc_metrics_disabled = false;
  /// Events the bus holds before it drops, >= 1.
  std::uint32_t event_bus_queue_size = 10'000;
  /// Address and port of the extra /metrics listener; port 0: none.
  std::string prometheus_host = "0.0.0.0";
  std::uint16_t prometheus_port = 9090;
  /// Token that scrapers of /metrics send, as given; empty: none. A secret, never shown.
  std::string metrics_token;
  /// File with that token; empty: none.
  std::string metrics_token_file;
  /// Which names of metrics are shown: all, seed, v056.
  std::string metrics_names = "all";
  /// Labels that no metric has.
  std::vector<std::string> metrics_drop_labels;
  /// Share of objects whose life is measured, (0, 1].
  double metrics_sample_rate = 0.01;
  /// Folder of the lookup hash log; empty: none. Then its files: seconds and bytes of each, how
  /// many are kept.
  std::string lookup_hash_log_dir;
  std::int64_t lookup_hash_log_rotation_interval_s = 21'600;
  std::int64_t lookup_hash_log_rotation_max_bytes = 104'857'600;
  std::int64_t lookup_hash_log_max_files = 100;
  /// Monitor of the Python garbage collector: shown, no effect.
  bool gc_monitor_enabled = false;
  double gc_monitor_min_pause_ms = 1.0;
  std::int64_t gc_monitor_top_objects = 0;
  /// Log lines that sum traffic and use of L1 up, and the seconds between them, > 0.
  bool extra_logging_enabled = false;
  double extra_logging_interval_s = 10.0;
  /// What is recorded: storage; empty: nothing. Into which file; empty: a name is made. Bytes of
  /// one file, beyond which the next begins (0: there is one file), and how many files are kept.
  std::string trace_level, trace_output;
  std::int64_t trace_max_bytes = 0, trace_max_files = 10;
  /// Attributes of the OTel resource that the environment names.
  named_attributes resource;
  log_level level = log_level::info;
  log_format format = log_format::text;
};

/// The tier behind L1 (spec cli-http §1.4.4).
struct l2_options {
  /// The stores in the order of their flags, which is the order in which they are asked.
  std::vector<l2_adapter_options> adapters;
  std::string store_policy = "default";
  std::string prefetch_policy = "default";
  std::int64_t prefetch_max_in_flight = 8;
  std::int64_t periodic_notifier_interval_ms = 5;
};

/// Tuning of peer-to-peer, which is not built yet: shown, no effect (spec cli-http §1.4.2).
struct p2p_options {
  std::string listen_url;
  double lookup_timeout_s = 30.0;
  double load_timeout_s = 30.0;
  std::string transfer_engine = "nixl";
};

/// Tuning of the coordinator client, which is not built yet: shown, no effect (spec cli-http
/// §1.4.5).
struct coordinator_options {
  std::string advertise_ip;
  double heartbeat_interval_s = 5.0;
  bool event_reporting = false;
  double event_flush_interval_s = 1.0;
  std::string event_transport = "http";
  std::string kafka_bootstrap_servers;
  std::string kafka_topic = "lmcache-cache-events";
  double kafka_delivery_timeout_s = 300.0;
  double blend_timeout_s = 1.0;
  std::int64_t blend_match_concurrency = 8;
};

/// Everything; the result of `parse_options`.
struct daemon_options {
  mp_options mp;
  l1_options l1;
  http_options http;
  observability_options observability;
  otlp_options otlp;
  model_server_options model_servers;
  l2_options l2;
  p2p_options p2p;
  coordinator_options coordinator;
  /// Path given with --config; empty: none.
  std::string config_file;
  /// Said once in the log when the daemon starts: options without effect, old names, ...
  std::vector<std::string> warnings;
};

} // namespace actord
