#include "runtime/options/config_view.hpp"

#include "runtime/options/bounded_json.hpp"
#include "runtime/options/l2_adapter_view.hpp"
#include "runtime/options/version.hpp"

namespace actord {

namespace {

using json = nlohmann::ordered_json;

double as_seconds(std::int64_t milliseconds) {
  return static_cast<double>(milliseconds) / 1000.0;
}

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

json mp_view(const daemon_options& options) {
  const auto& mp = options.mp;
  const auto& p2p = options.p2p;
  json plugin_config = parse_bounded_json(mp.runtime_plugin_config).value_or(json::object());
  return {
    {"transport", "zmq"},
    {"host", mp.host},
    {"port", mp.port},
    {"chunk_size", mp.chunk_size},
    {"max_workers", mp.max_workers},
    {"max_gpu_workers", mp.max_gpu_workers},
    {"max_cpu_workers", mp.max_cpu_workers},
    {"grpc_server_workers", mp.grpc_server_workers},
    {"hash_algorithm", mp.hash_algorithm},
    {"engine_type", "default"},
    {"separate_object_groups", mp.separate_object_groups},
    {"enable_segmented_prefix", false},
    {"enable_dedup_content", false},
    {"enable_blend_reorder", false},
    {"supported_transfer_mode", to_string(mp.supported_transfer_mode)},
    {"isolated_ipc", mp.isolated_ipc},
    {"runtime_plugin_config", {{"locations", json::array()}, {"extra_config", plugin_config}}},
    {"p2p_config",
     {{"advertise_url", ""},
      {"listen_url", p2p.listen_url},
      {"lookup_timeout", p2p.lookup_timeout_s},
      {"load_timeout", p2p.load_timeout_s},
      {"transfer_engine", p2p.transfer_engine}}},
    {"shm_name", options.l1.shm_name},
    {"script_allowed_imports", mp.script_allowed_imports},
    {"run_script_api_enabled", mp.run_script_api_enabled},
    {"instance_id", mp.instance_id},
    {"worker_reap_timeout_seconds", as_seconds(mp.worker_reap_timeout_ms)},
    {"session_ttl_seconds", as_seconds(mp.session_ttl_ms)},
    {"worker_registration_grace_seconds", as_seconds(mp.worker_registration_grace_ms)},
    {"enable", json::array()},
    {"kv_event_log_size", mp.kv_event_log_size},
    {"null_block_id", mp.null_block_id},
    {"server_modules", json::array()},
  };
}

json eviction_view(const daemon_options& options) {
  const auto& eviction = options.l1.eviction;
  return {{"eviction_policy", eviction.policy},
          {"trigger_watermark", eviction.trigger_watermark},
          {"eviction_ratio", eviction.eviction_ratio},
          {"extra_logging_enabled", options.observability.extra_logging_enabled},
          {"extra_logging_interval", options.observability.extra_logging_interval_s}};
}

/// The pool is never lazy: its first size is its size.
json l1_view(const daemon_options& options) {
  const auto& l1 = options.l1;
  return {{"memory_config",
           {{"size_in_bytes", l1.size_bytes},
            {"use_lazy", false},
            {"init_size_in_bytes", l1.size_bytes},
            {"align_bytes", l1.align_bytes},
            {"shm_name", l1.shm_name},
            {"use_hugepages", false},
            {"devdax_path", nullptr},
            {"devdax_size_in_bytes", 0}}},
          {"gds_l1_config", nullptr},
          {"write_ttl_seconds", l1.write_ttl_ms / 1000},
          {"read_ttl_seconds", l1.read_ttl_ms / 1000},
          {"tag", l1.tag},
          {"eviction", eviction_view(options)}};
}

json storage_view(const daemon_options& options) {
  const auto& l2 = options.l2;
  json adapters = json::array();
  for (const auto& adapter : l2.adapters)
    adapters.push_back(l2_adapter_view(adapter));
  return {{"l1_manager_config", l1_view(options)},
          {"eviction_config", eviction_view(options)},
          {"l2_adapter_config", {{"adapters", adapters}}},
          {"store_policy", l2.store_policy},
          {"prefetch_policy", l2.prefetch_policy},
          {"prefetch_max_in_flight", l2.prefetch_max_in_flight},
          {"periodic_notifier_interval_ms", l2.periodic_notifier_interval_ms},
          {"l1_manager_configs", json::array({l1_view(options)})}};
}

// A flag of its own, else that of the daemon.
std::string service_instance_id(const daemon_options& options) {
  for (const auto& [name, value] : options.observability.resource)
    if (name == "service.instance.id")
      return value;
  return options.mp.instance_id;
}

json observability_view(const daemon_options& options) {
  const auto& observability = options.observability;
  return {
    {"enabled", observability.enabled},
    {"max_queue_size", observability.event_bus_queue_size},
    {"metrics_enabled", observability.metrics_enabled},
    {"grpc_metrics_enabled", false},
    {"logging_enabled", observability.logging_enabled},
    {"tracing_enabled", options.otlp.tracing.enabled},
    {"otlp_endpoint", text_or_null(options.otlp.endpoint)},
    {"prometheus_port", observability.prometheus_port},
    {"metrics_sample_rate", observability.metrics_sample_rate},
    {"lookup_hash_log",
     {{"output_dir", observability.lookup_hash_log_dir},
      {"rotation_interval_sec", observability.lookup_hash_log_rotation_interval_s},
      {"rotation_max_size", observability.lookup_hash_log_rotation_max_bytes},
      {"max_files", observability.lookup_hash_log_max_files}}},
    {"gc_monitor",
     {{"enabled", observability.gc_monitor_enabled},
      {"min_pause_ms", observability.gc_monitor_min_pause_ms},
      {"top_objects", observability.gc_monitor_top_objects}}},
    {"extra_logging_enabled", observability.extra_logging_enabled},
    {"extra_logging_interval", observability.extra_logging_interval_s},
    {"trace_level", text_or_null(observability.trace_level)},
    {"trace_output", text_or_null(observability.trace_output)},
    {"service_instance_id", service_instance_id(options)},
  };
}

json coordinator_view(const coordinator_options& coordinator) {
  json sink = json::object();
  if (coordinator.event_transport == "kafka")
    sink = {{"bootstrap_servers", coordinator.kafka_bootstrap_servers},
            {"topic", coordinator.kafka_topic},
            {"delivery_timeout", coordinator.kafka_delivery_timeout_s}};
  return {{"url", ""},
          {"advertise_ip", coordinator.advertise_ip},
          {"heartbeat_interval", coordinator.heartbeat_interval_s},
          {"event_reporting", coordinator.event_reporting},
          {"event_flush_interval", coordinator.event_flush_interval_s},
          {"event_sink_config", sink},
          {"blend_timeout", coordinator.blend_timeout_s},
          {"blend_match_concurrency", coordinator.blend_match_concurrency}};
}

json own_view(const daemon_options& options) {
  return {
    {"version", daemon_version},
    {"config_file", options.config_file},
    {"ipc_path", options.mp.ipc_path},
    {"request_timeout_seconds", as_seconds(options.mp.request_timeout_ms)},
    {"zmq_curve", !options.mp.curve_server_secret_key.empty()},
    {"zmq_curve_server_key_file", options.mp.curve_server_key_file},
    {"http_token", !options.http.token.empty()},
    {"http_token_file", options.http.token_file},
    {"http_insecure", options.http.insecure},
    {"prometheus_host", options.observability.prometheus_host},
    {"metrics_token", !options.observability.metrics_token.empty()},
    {"metrics_token_file", options.observability.metrics_token_file},
    {"otlp_protocol", options.otlp.protocol == otlp_protocol::grpc ? "grpc" : "http/protobuf"},
    {"otlp_logs", options.otlp.logs_enabled},
    {"ollama_metrics", options.model_servers.ollama_enabled},
    {"ollama_url", text_or_null(options.model_servers.ollama_url)},
    {"ollama_metrics_interval", as_seconds(options.model_servers.ollama_period_ms)},
    {"ollama_max_vram_gb", options.model_servers.ollama_max_vram_gib},
    {"vllm_metrics_url", text_or_null(options.model_servers.vllm_url)},
    {"tgi_metrics_url", text_or_null(options.model_servers.tgi_url)},
    {"log_level", to_string(options.observability.level)},
    {"metrics_names", options.observability.metrics_names},
    {"metrics_drop_labels", options.observability.metrics_drop_labels},
    {"log_format", options.observability.format == log_format::json ? "json" : "text"},
    {"disable_grpc_metrics", options.observability.grpc_metrics_disabled},
    {"l1_use_lazy_requested", options.l1.use_lazy},
    {"l1_init_size_gb_requested", options.l1.init_size_gb},
    {"gds_l1_backend", options.l1.gds_backend},
    {"gds_l1_use_direct_io", options.l1.gds_use_direct_io},
    {"coordinator_event_transport", options.coordinator.event_transport},
  };
}

} // namespace

const char* to_string(transfer_mode mode) {
  switch (mode) {
    case transfer_mode::lmcache_driven: return "lmcache_driven";
    case transfer_mode::engine_driven: return "engine_driven";
    case transfer_mode::both: break;
  }
  return "auto";
}

const char* to_string(log_level level) {
  switch (level) {
    case log_level::debug: return "DEBUG";
    case log_level::info: return "INFO";
    case log_level::warning: return "WARNING";
    case log_level::error: return "ERROR";
    case log_level::critical: break;
  }
  return "CRITICAL";
}

nlohmann::ordered_json config_view(const daemon_options& options) {
  return {{"mp", mp_view(options)},
          {"storage_manager", storage_view(options)},
          {"observability", observability_view(options)},
          {"http", {{"http_host", options.http.host}, {"http_port", options.http.port}}},
          {"coordinator", coordinator_view(options.coordinator)},
          {"actord", own_view(options)}};
}

} // namespace actord
