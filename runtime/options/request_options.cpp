// Flags of the request side: sockets, workers, hashing, sessions.
#include "runtime/options/option_draft.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace actord {

namespace {

constexpr std::array<std::string_view, 4> hash_algorithms
  = {"blake3", "sha256_cbor", "sha256_cbor_64bit", "sha256"};

void declare_hash_algorithm(option_set& set, std::string& target) {
  auto& flag = set.text("--hash-algorithm", target,
                        "blake3, sha256_cbor or sha256; engines and daemons must agree");
  flag.metavar = "NAME";
  flag.assign = [&target](const option_value& value) -> std::optional<option_problem> {
    if (value.last() == "builtin")
      return value.rejected("Python's own hash differs between processes and cannot be shared; "
                            "use blake3, sha256_cbor or sha256 (and the same in the engine)");
    if (std::ranges::find(hash_algorithms, value.last()) == hash_algorithms.end())
      return value.rejected("unknown algorithm; use blake3, sha256_cbor or sha256");
    target = value.last();
    return std::nullopt;
  };
}

void declare_workers(option_set& set, option_draft& draft) {
  constexpr whole_range workers{1, 1024, "max_workers must be greater than 0 and at most 1024"};
  set.integer("--max-workers", draft.options.mp.max_workers, workers,
              "base of the two worker counts below");
  auto count
    = [&set](std::string_view name, std::optional<std::int64_t>& target, std::string_view help) {
        set.whole(
          name, [&target](std::int64_t value) { target = value; }, {1, 1024}, help, "");
      };
  count("--max-gpu-workers", draft.max_gpu_workers,
        "workers for requests that move KV; default: --max-workers");
  count("--max-cpu-workers", draft.max_cpu_workers,
        "workers for lookups and hashes; default: --max-workers");
}

void declare_liveness(option_set& set, mp_options& mp) {
  set
    .seconds("--request-timeout-seconds", mp.request_timeout_ms,
             {0, true, 86'400, "must be > 0 and <= 86400"},
             "a request gets its answer, if only an error, within this time")
    .ours
    = true;
  set.seconds("--worker-reap-timeout-seconds", mp.worker_reap_timeout_ms,
              {0, false, std::numeric_limits<double>::max(),
               "worker reap timeout must be 0 (disabled) or >= 30s"},
              "a worker silent for this long is forgotten; 0: never, else >= 30");
  set.seconds("--worker-registration-grace-seconds", mp.worker_registration_grace_ms,
              {0, false, std::numeric_limits<double>::max(), "must be a finite number >= 0"},
              "the same for workers that never ping; >= the reap timeout");
  set.seconds("--session-ttl-seconds", mp.session_ttl_ms, {},
              "a request whose engine falls silent without ending it is forgotten");
}

} // namespace

void declare_request_options(option_set& set, option_draft& draft) {
  auto& mp = draft.options.mp;
  set.group("Engines and requests");
  set
    .text("--instance-id", mp.instance_id,
          "name of this daemon in logs, metrics and traces; empty: a random UUID")
    .metavar
    = "NAME";
  auto& ipc
    = set.text("--ipc-path", mp.ipc_path, "also listen on this Unix socket (engines: ipc://PATH)");
  ipc.metavar = "PATH";
  ipc.ours = true;
  auto& curve = set.text("--zmq-curve-server-key-file", mp.curve_server_key_file,
                         "file with a Z85 secret key: encrypts the request socket (CURVE)");
  curve.metavar = "FILE";
  curve.ours = true;
  set.choice("--supported-transfer-mode", draft.transfer_mode,
             {"lmcache_driven", "engine_driven", "auto"},
             "who copies KV: daemon, engine or what the engine asks for");
  set.integer("--null-block-id", mp.null_block_id, {},
              "block id that holds no data; -1 where block 0 is real");
  declare_hash_algorithm(set, mp.hash_algorithm);
  declare_workers(set, draft);
  declare_liveness(set, mp);
  set.toggle("--separate-object-groups", mp.separate_object_groups,
             "models with several window sizes: one object group per size");
  set.toggle("--isolated-ipc", mp.isolated_ipc,
             "engine and daemon share no IPC namespace; both sides must agree");
  set.integer("--kv-event-log-size", mp.kv_event_log_size,
              {0, 1 << 24, "must be a whole number from 0 (off) to 16777216", 3},
              "records kept for subscribers of KV events; 0: off");
}

void declare_http_options(option_set& set, option_draft& draft) {
  auto& http = draft.options.http;
  set.group("HTTP (status, control, metrics)");
  set
    .text("--http-host", http.host,
          "address of the API; outside loopback read-only unless there is a token")
    .metavar
    = "HOST";
  set.integer("--http-port", http.port, {0, 65535}, "port of the API; 0: the system chooses")
    .metavar
    = "PORT";
  auto& token = set.text("--http-token-file", http.token_file,
                         "file with a token that callers send as `Authorization: Bearer`");
  token.metavar = "FILE";
  token.ours = true;
  set
    .switch_on("--http-insecure", http.insecure,
               "serve every route to everyone who reaches the port")
    .ours
    = true;
}

} // namespace actord
