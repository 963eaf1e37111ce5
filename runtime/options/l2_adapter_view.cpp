#include "runtime/options/l2_adapter_view.hpp"

#include "runtime/options/option_values.hpp"

#include <type_traits>

namespace actord {

namespace {

using json = nlohmann::ordered_json;

/// What a store shows: the peer's keys, and ours.
struct store_view {
  json peer = json::object(), own = json::object();
};

json hidden(const std::string& secret) {
  return secret.empty() ? "" : "***";
}

json hidden_or_null(const std::string& secret) {
  return secret.empty() ? json(nullptr) : json("***");
}

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

template <class Int>
json whole_or_null(Int number) {
  return number == 0 ? json(nullptr) : json(number);
}

double as_gib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1ULL << 30);
}

double as_seconds(std::int64_t milliseconds) {
  return static_cast<double>(milliseconds) / 1000.0;
}

/// A float in Python's words: `1.0` where ours is `1`.
std::string python_float(double value) {
  auto text = number_text(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

json eviction_view(const std::optional<eviction_options>& eviction) {
  if (!eviction)
    return nullptr;
  return "EvictionConfig(eviction_policy='" + eviction->policy
         + "', trigger_watermark=" + python_float(eviction->trigger_watermark)
         + ", eviction_ratio=" + python_float(eviction->eviction_ratio)
         + ", extra_logging_enabled=False, extra_logging_interval=10.0)";
}

json serde_view(const l2_adapter_options& adapter) {
  if (const auto* aes = std::get_if<aesgcm_serde_options>(&adapter.serde))
    return {{"type", "aesgcm"},
            {"key_provider", "hkdf"},
            {"aes_bits", aes->aes_bits},
            {"master_key_path", aes->master_key_path}};
  if (const auto* fp8 = std::get_if<fp8_serde_options>(&adapter.serde))
    return {{"type", "fp8"}, {"fp8_dtype", fp8->dtype}, {"max_workers", fp8->max_workers}};
  return nullptr;
}

const char* to_string(fs_l2_options::sync sync) {
  switch (sync) {
    case fs_l2_options::sync::file: return "file";
    case fs_l2_options::sync::all: return "all";
    case fs_l2_options::sync::off: break;
  }
  return "off";
}

store_view view_of(const fs_l2_options& fs, const l2_adapter_options& adapter) {
  store_view view;
  if (adapter.type == "fs_native")
    view.peer = {{"base_path", fs.base_path},
                 {"num_workers", fs.num_workers},
                 {"relative_tmp_dir", fs.relative_tmp_dir},
                 {"use_odirect", fs.use_odirect},
                 {"read_ahead_size", whole_or_null(fs.read_ahead_bytes)},
                 {"max_capacity_gb", as_gib(adapter.max_capacity_bytes.value_or(0))}};
  else
    view.peer = {{"base_path", fs.base_path},
                 {"relative_tmp_dir", text_or_null(fs.relative_tmp_dir)},
                 {"read_ahead_size", whole_or_null(fs.read_ahead_bytes)},
                 {"use_odirect", fs.use_odirect}};
  view.own = {{"fsync", to_string(fs.fsync)},
              {"shard_dirs", fs.shard_dirs},
              {"verify_checksums", fs.verify_checksums},
              {"scan_at_start", fs.scan_at_start},
              {"stale_tmp_age_ms", fs.stale_tmp_age_ms}};
  return view;
}

store_view view_of(const raw_block_l2_options& raw, const l2_adapter_options&) {
  json ids = raw.fdp_placement_ids.empty() ? json(nullptr) : json(raw.fdp_placement_ids);
  return {{{"device_path", raw.device_path},
           {"slot_bytes", raw.slot_bytes},
           {"capacity_bytes", raw.capacity_bytes},
           {"use_odirect", raw.use_odirect},
           {"block_align", raw.block_align},
           {"header_bytes", raw.header_bytes},
           {"meta_total_bytes", raw.meta_total_bytes},
           {"meta_magic", raw.meta_magic},
           {"meta_version", raw.meta_version},
           {"meta_checkpoint_interval_sec", raw.meta_checkpoint_interval_ms / 1000},
           {"meta_idle_quiet_ms", raw.meta_idle_quiet_ms},
           {"meta_enable_periodic", raw.meta_enable_periodic},
           {"load_checkpoint_on_init", raw.load_checkpoint_on_init},
           {"meta_verify_on_load", raw.meta_verify_on_load},
           {"enable_zero_copy", raw.enable_zero_copy},
           {"io_engine", raw.io_engine},
           {"iouring_queue_depth", raw.iouring_queue_depth},
           {"use_uring_cmd", raw.use_uring_cmd},
           {"max_data_transfer_size", raw.max_data_transfer_size_bytes},
           {"fdp_enabled", raw.fdp_enabled},
           {"fdp_placement_ids", ids},
           {"fdp_data_placement_policy", raw.fdp_data_placement_policy},
           {"fdp_slot_reuse_policy", raw.fdp_slot_reuse_policy},
           {"meta_checkpoint_placement_id", whole_or_null(raw.meta_checkpoint_placement_id)},
           {"num_store_workers", raw.num_store_workers},
           {"num_lookup_workers", raw.num_lookup_workers},
           {"num_load_workers", raw.num_load_workers}},
          {{"verify_checksums", raw.verify_checksums}}};
}

json tls_view(const std::optional<tls_options>& tls) {
  if (!tls)
    return nullptr;
  return {{"ca_file", tls->ca_file},
          {"cert_file", tls->cert_file},
          {"key_file", tls->key_file},
          {"server_name", tls->server_name},
          {"verify", tls->verify}};
}

std::string nodes_text(const std::vector<network_node>& nodes) {
  std::string result;
  for (const auto& node : nodes) {
    const bool is_ipv6 = node.host.find(':') != std::string::npos;
    result += (result.empty() ? "" : ",") + (is_ipv6 ? "[" + node.host + "]" : node.host) + ":"
              + std::to_string(node.port);
  }
  return result;
}

store_view view_of(const redis_l2_options& redis, const l2_adapter_options& adapter) {
  store_view view;
  const auto capacity = as_gib(adapter.max_capacity_bytes.value_or(0));
  if (adapter.type == "resp")
    view.peer = {{"host", redis.nodes.front().host},   {"port", redis.nodes.front().port},
                 {"num_workers", redis.num_workers},   {"username", redis.username},
                 {"password", hidden(redis.password)}, {"max_capacity_gb", capacity}};
  else
    view.peer = {{"startup_nodes", nodes_text(redis.nodes)},
                 {"cluster_mode", redis.cluster},
                 {"username", redis.username},
                 {"password", hidden(redis.password)},
                 {"key_prefix", redis.key_prefix},
                 {"num_workers", redis.num_workers},
                 {"tls_enable", redis.tls.has_value()},
                 {"database_id", redis.database_id ? json(*redis.database_id) : json(nullptr)},
                 {"request_timeout", as_seconds(redis.request_timeout_ms)},
                 {"connection_timeout", as_seconds(redis.connect_timeout_ms)},
                 {"max_capacity_gb", capacity},
                 {"ttl_seconds", whole_or_null(redis.ttl_s)}};
  view.own = {{"cluster", redis.cluster},
              {"connections", redis.connections},
              {"request_timeout_ms", redis.request_timeout_ms},
              {"connect_timeout_ms", redis.connect_timeout_ms},
              {"scan_at_start", redis.scan_at_start},
              {"checksums", redis.checksums},
              {"tls", tls_view(redis.tls)}};
  return view;
}

store_view view_of(const s3_l2_options& s3, const l2_adapter_options& adapter) {
  return {{{"s3_endpoint", s3.endpoint},
           {"s3_region", s3.region},
           {"s3_num_io_threads", s3.num_io_threads},
           {"s3_prefer_http2", s3.prefer_http2},
           {"s3_enable_s3express", s3.enable_s3express},
           {"disable_tls", s3.disable_tls},
           {"aws_access_key_id", hidden_or_null(s3.access_key_id)},
           {"aws_secret_access_key", hidden_or_null(s3.secret_access_key)},
           {"max_capacity_gb", as_gib(adapter.max_capacity_bytes.value_or(0))}},
          {{"aws_session_token", hidden_or_null(s3.session_token)},
           {"path_style", s3.path_style},
           {"bucket", text_or_null(s3.bucket)},
           {"connections", s3.connections},
           {"multipart_threshold_bytes", s3.multipart_threshold_bytes},
           {"multipart_part_bytes", s3.multipart_part_bytes},
           {"max_retries", s3.max_retries},
           {"request_timeout_ms", s3.request_timeout_ms},
           {"connect_timeout_ms", s3.connect_timeout_ms},
           {"credential_sources", s3.credential_sources},
           {"profile", s3.profile},
           {"ca_file", text_or_null(s3.ca_file)}}};
}

store_view view_of(const mock_l2_options& mock, const l2_adapter_options&) {
  return {{{"max_size_gb", as_gib(mock.max_size_bytes)},
           {"mock_bandwidth_gb", mock.bandwidth_bytes_per_second / (1ULL << 30)}},
          json::object()};
}

store_view view_of(const fault_inject_l2_options& faults, const l2_adapter_options&) {
  return {{{"inner", l2_adapter_view(*faults.inner)},
           {"rate", faults.rate},
           {"seed", faults.seed},
           {"gap_indices", faults.gap_indices},
           {"gap_tail_ratios", faults.gap_tail_ratios}},
          {{"delay_ms", faults.delay_ms},
           {"hang_rate", faults.hang_rate},
           {"torn_write_rate", faults.torn_write_rate},
           {"bit_flip_rate", faults.bit_flip_rate},
           {"enospc_rate", faults.enospc_rate},
           {"fault_seed", faults.fault_seed}}};
}

/// Ours that every adapter has, after those of its store.
void add_common(json& own, const l2_adapter_options& adapter) {
  const auto& breaker = adapter.breaker;
  if (adapter.max_capacity_bytes)
    own["max_capacity_gb"] = as_gib(*adapter.max_capacity_bytes);
  if (const auto* aes = std::get_if<aesgcm_serde_options>(&adapter.serde)) {
    own["bind_identity"] = aes->bind_identity;
    own["refuse_unbound"] = aes->refuse_unbound;
  }
  own["exclusive"] = adapter.exclusive;
  own["store_timeout_ms"] = adapter.store_timeout_ms;
  own["load_timeout_ms"] = adapter.load_timeout_ms;
  own["lookup_timeout_ms"] = adapter.lookup_timeout_ms;
  own["breaker"] = {{"failures", breaker.failures},
                    {"cooldown_ms", breaker.cooldown_ms},
                    {"max_cooldown_ms", breaker.max_cooldown_ms},
                    {"latency_limit_ms", breaker.latency_limit_ms}};
}

} // namespace

json l2_adapter_view(const l2_adapter_options& adapter) {
  auto [view, own]
    = std::visit([&](const auto& store) { return view_of(store, adapter); }, adapter.store);
  view["affinity_tag"] = adapter.affinity_tag;
  view["shared"] = adapter.shared;
  view["eviction_config"] = eviction_view(adapter.eviction);
  view["persist_config"] = std::string("PersistConfig(persist_enabled=")
                           + (adapter.persist_enabled ? "True)" : "False)");
  view["serde_config"] = serde_view(adapter);
  add_common(own, adapter);
  view["type"] = adapter.type;
  view["cpp"] = std::move(own);
  return view;
}

} // namespace actord
