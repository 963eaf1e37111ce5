// Flags of metrics, logs and traces.
#include "runtime/options/option_draft.hpp"
#include "runtime/options/option_values.hpp"

#include <array>
#include <limits>
#include <string_view>

namespace actord {

namespace {

constexpr std::array<std::string_view, 5> level_names
  = {"debug", "info", "warning", "error", "critical"};

/// Any case. Unlike the command line, the environment may hold any word: it means INFO.
void declare_log_level(option_set& set, daemon_options& options) {
  auto& flag = set.whole("--log-level", {}, {}, "DEBUG, INFO, WARNING, ERROR or CRITICAL", "INFO");
  flag.metavar = "LEVEL";
  flag.variable = "LMCACHE_LOG_LEVEL";
  flag.ours = true;
  flag.assign = [&options](const option_value& value) -> std::optional<option_problem> {
    auto word = to_lower(trimmed(value.last()));
    for (std::size_t i = 0; i < level_names.size(); ++i) {
      if (level_names[i] == word) {
        options.observability.level = static_cast<log_level>(i);
        return std::nullopt;
      }
    }
    auto why = "unknown level; use DEBUG, INFO, WARNING, ERROR or CRITICAL";
    if (value.origin != "LMCACHE_LOG_LEVEL")
      return value.rejected(why);
    options.warnings.push_back(value.rejected(why).text + " (INFO is used)");
    return std::nullopt;
  };
}

/// Whoever scrapes needs the metrics and nothing else that the token of the API opens.
void declare_metrics_token(option_set& set, observability_options& observability) {
  auto& token = set.text("--metrics-token", observability.metrics_token,
                         "token that /metrics asks for; everyone on this machine can see flags");
  token.metavar = "TOKEN";
  token.variable = "LMCACHE_METRICS_TOKEN";
  token.ours = token.secret = true;
  auto& file = set.text("--metrics-token-file", observability.metrics_token_file,
                        "file with that token, which is better kept there");
  file.metavar = "FILE";
  file.ours = true;
}

/// A flag of older releases. Without it the instance id of the daemon counts.
void declare_service_instance(option_set& set, option_draft& draft) {
  auto& instance = set.text("--service-instance-id", draft.service_instance_id,
                            "service.instance.id of what is pushed; not given: --instance-id");
  instance.metavar = "NAME";
  instance.ours = true;
}

/// Regular lines and files beside the log itself.
void declare_more_logs(option_set& set, observability_options& observability) {
  constexpr whole_range count{0, std::numeric_limits<std::int64_t>::max(),
                              "must be a whole number >= 0"};
  set
    .text("--lookup-hash-log-dir", observability.lookup_hash_log_dir,
          "folder for a log of the hashes of lookups, for cache simulators")
    .metavar
    = "DIR";
  set.integer("--lookup-hash-log-rotation-interval",
              observability.lookup_hash_log_rotation_interval_s, count, "seconds per log file");
  set.integer("--lookup-hash-log-rotation-max-size",
              observability.lookup_hash_log_rotation_max_bytes, count, "bytes per log file");
  set.integer("--lookup-hash-log-max-files", observability.lookup_hash_log_max_files, count,
              "log files kept");
  set.switch_on("--enable-extra-logging", observability.extra_logging_enabled,
                "log traffic and use of L1 regularly");
  set.number("--extra-logging-interval", observability.extra_logging_interval_s, {},
             "seconds between these lines");
  set.switch_on("--enable-gc-monitor", observability.gc_monitor_enabled,
                "no effect: there is no garbage collector to watch");
  set.number("--gc-monitor-min-pause-ms", observability.gc_monitor_min_pause_ms,
             {0, false, std::numeric_limits<double>::max(), "must be a finite number >= 0"},
             "no effect, see --enable-gc-monitor");
  set.integer("--gc-monitor-top-objects", observability.gc_monitor_top_objects, count,
              "no effect, see --enable-gc-monitor");
}

void declare_otlp(option_set& set, option_draft& draft) {
  auto& otlp = draft.options.otlp;
  set.text("--otlp-endpoint", otlp.endpoint, "where metrics, log records and spans are pushed")
    .metavar
    = "URL";
  set
    .choice("--otlp-protocol", draft.otlp_protocol, {"grpc", "http/protobuf"},
            "what the receiver at --otlp-endpoint speaks")
    .ours
    = true;
  set.switch_on("--otlp-logs", otlp.logs_enabled, "push log records to --otlp-endpoint too").ours
    = true;
}

void declare_tracing(option_set& set, tracing_settings& tracing) {
  set.group("Tracing");
  set.switch_on("--enable-tracing", tracing.enabled, "send spans to --otlp-endpoint");
  set
    .number("--trace-sample-rate", tracing.sample_rate, {0, false, 1, "must be >= 0 and <= 1"},
            "share of traces that are sent; slow and failed requests always are")
    .ours
    = true;
  set
    .integer("--trace-slow-ms", tracing.slow_ms, {0, 3'600'000},
             "a lookup or copy that takes longer counts as slow; 0: none does")
    .ours
    = true;
}

/// What the commands `trace info` and `trace replay` read.
void declare_recording(option_set& set, observability_options& observability) {
  constexpr whole_range count{0, std::numeric_limits<std::int64_t>::max(),
                              "must be a whole number >= 0"};
  set.group("Trace files");
  set.choice("--trace-level", observability.trace_level, {"storage", "events"},
             "record the calls of storage in a trace file; events is not built yet");
  set
    .text("--trace-output", observability.trace_output,
          "that file; not given: lmcache-trace-PID-TIME.lct in the folder for temporary files")
    .metavar
    = "FILE";
  set
    .integer("--trace-max-bytes", observability.trace_max_bytes, count,
             "bytes of one trace file, then NAME.1.lct begins, and so on; 0: one file")
    .ours
    = true;
  set
    .integer("--trace-max-files", observability.trace_max_files, count,
             "trace files kept, the oldest go; 0: all")
    .ours
    = true;
}

} // namespace

void declare_observability_options(option_set& set, option_draft& draft) {
  auto& observability = draft.options.observability;
  set.group("Metrics and logs");
  declare_log_level(set, draft.options);
  auto& format
    = set.choice("--log-format", draft.log_format, {"text", "json"}, "json for log collectors");
  format.ours = true;
  set
    .integer("--prometheus-port", observability.prometheus_port, {0, 65535},
             "serves /metrics without the API; 0: off")
    .metavar
    = "PORT";
  auto& host = set.text("--prometheus-host", observability.prometheus_host, "address of that port");
  host.metavar = "HOST";
  host.ours = true;
  declare_metrics_token(set, observability);
  declare_service_instance(set, draft);
  set
    .choice("--metrics-names", observability.metrics_names, {"all", "seed", "v056"},
            "names of metrics: every known one, those of the first release, or those of 0.5.6")
    .ours
    = true;
  set
    .words("--metrics-drop-labels", observability.metrics_drop_labels,
           "labels to leave out of every metric, such as cache_salt")
    .ours
    = true;
  set.number("--metrics-sample-rate", observability.metrics_sample_rate,
             {0, true, 1, "must be > 0 and <= 1"}, "share of objects whose life is measured");
  set.integer("--event-bus-queue-size", observability.event_bus_queue_size, {1, 10'000'000},
              "events kept for slow subscribers before some are dropped");
  set.switch_on("--disable-observability", observability.enabled,
                "no events, no metrics of requests, no traces", false);
  set.switch_on("--disable-metrics", observability.metrics_enabled, "an empty /metrics", false);
  auto& old = set.switch_on("--disable-prometheus", observability.metrics_enabled,
                            "old name of --disable-metrics", false);
  old.alias_of = "--disable-metrics";
  old.hidden = old.ours = old.command_line_only = true;
  set.switch_on("--disable-logging", observability.logging_enabled,
                "no log lines about single requests", false);
  set.switch_on("--disable-grpc-metrics", observability.grpc_metrics_disabled,
                "no effect: there is no gRPC transport yet");
  declare_more_logs(set, observability);
  declare_otlp(set, draft);
  declare_recording(set, observability);
  declare_tracing(set, draft.options.otlp.tracing);
}

} // namespace actord
