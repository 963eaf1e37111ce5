#include "runtime/options/option_checks.hpp"

#include "runtime/options/bounded_json.hpp"
#include "runtime/options/option_values.hpp"

#include <string_view>

namespace actord {

namespace {

/// `--x value (from y)`, or the flag with its default.
std::string
described(const chosen_values& chosen, std::string_view name, std::string_view fallback) {
  auto found = chosen.find(name);
  if (found != chosen.end())
    return found->second.described();
  return std::string(name) + " " + std::string(fallback) + " (default)";
}

void check_liveness(const mp_options& mp, const chosen_values& chosen, option_problems& problems) {
  auto reap = described(chosen, "--worker-reap-timeout-seconds", "120");
  auto grace = described(chosen, "--worker-registration-grace-seconds", "3600");
  if (mp.worker_reap_timeout_ms > 0 && mp.worker_reap_timeout_ms < 30'000)
    problems.push_back({1, reap + ": worker reap timeout must be 0 (disabled) or >= 30s"});
  else if (mp.worker_registration_grace_ms < mp.worker_reap_timeout_ms)
    problems.push_back({1, grace
                             + ": worker registration grace must be >= the worker reap "
                               "timeout; raise it or lower "
                             + reap});
}

void check_addresses(const daemon_options& options, const chosen_values& chosen,
                     option_problems& problems) {
  constexpr std::size_t socket_path_limit = 107; // sun_path without its final zero
  auto reject_empty = [&](const std::string& value, std::string_view name) {
    if (trimmed(value).empty())
      problems.push_back(
        {1, described(chosen, name, "") + ": must not be empty; use localhost or 0.0.0.0"});
  };
  reject_empty(options.mp.host, "--host");
  reject_empty(options.http.host, "--http-host");
  reject_empty(options.observability.prometheus_host, "--prometheus-host");
  if (options.mp.ipc_path.size() > socket_path_limit)
    problems.push_back({1, described(chosen, "--ipc-path", "")
                             + ": a Unix socket's path has at most 107 bytes; use a shorter one"});
}

void check_tokens(const daemon_options& options, const chosen_values& chosen,
                  option_problems& problems) {
  const auto& metrics = options.observability;
  auto exclude = [&](bool both, const std::string& one, std::string_view other) {
    if (both)
      problems.push_back(
        {1, one + " contradicts " + described(chosen, other, "") + ": give one of the two"});
  };
  const bool open = options.http.insecure;
  exclude(open && !options.http.token_file.empty(), "--http-insecure", "--http-token-file");
  exclude(open && !metrics.metrics_token.empty(), "--http-insecure", "--metrics-token");
  exclude(open && !metrics.metrics_token_file.empty(), "--http-insecure", "--metrics-token-file");
  exclude(!metrics.metrics_token.empty() && !metrics.metrics_token_file.empty(),
          described(chosen, "--metrics-token", ""), "--metrics-token-file");
}

void check_plugin_config(daemon_options& options, const chosen_values& chosen,
                         option_problems& problems) {
  auto config = parse_bounded_json(options.mp.runtime_plugin_config);
  if (!config || !config->is_object())
    problems.push_back({1, described(chosen, "--runtime-plugin-config", "")
                             + ": --runtime-plugin-config is not valid JSON for an object; "
                               "write for example '{\"key\": 1}'"});
}

void warn_about_no_effect(option_draft& draft, const chosen_values& chosen) {
  auto warn = [&](bool asked, std::string_view name, std::string_view why) {
    auto found = chosen.find(name);
    if (asked && found != chosen.end())
      draft.options.warnings.push_back(found->second.described()
                                       + " has no effect: " + std::string(why));
  };
  auto& options = draft.options;
  warn(options.mp.run_script_api_enabled, "--run-script-api-enabled",
       "this daemon runs no scripts, /run_script answers as disabled");
  warn(options.observability.gc_monitor_enabled, "--enable-gc-monitor",
       "there is no garbage collector to watch");
  warn(!options.observability.enabled && !options.observability.lookup_hash_log_dir.empty(),
       "--lookup-hash-log-dir", "--disable-observability leaves no events to log");
  warn(options.coordinator.event_reporting, "--coordinator-event-reporting",
       "there is no coordinator client yet");
}

} // namespace

void finish_options(option_draft& draft, const chosen_values& chosen, option_problems& problems) {
  auto& options = draft.options;
  auto& mp = options.mp;
  auto workers = static_cast<std::int64_t>(mp.max_workers);
  mp.max_gpu_workers = static_cast<std::uint32_t>(draft.max_gpu_workers.value_or(workers));
  mp.max_cpu_workers = static_cast<std::uint32_t>(draft.max_cpu_workers.value_or(workers));
  if (draft.transfer_mode == "lmcache_driven")
    mp.supported_transfer_mode = transfer_mode::lmcache_driven;
  else if (draft.transfer_mode == "engine_driven")
    mp.supported_transfer_mode = transfer_mode::engine_driven;
  options.observability.format = draft.log_format == "json" ? log_format::json : log_format::text;
  check_liveness(mp, chosen, problems);
  check_addresses(options, chosen, problems);
  check_tokens(options, chosen, problems);
  check_plugin_config(options, chosen, problems);
  warn_about_no_effect(draft, chosen);
}

} // namespace actord
