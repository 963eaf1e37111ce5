// Where telemetry is pushed, and how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace actord {

enum class otlp_protocol : std::uint8_t { grpc, http };

/// How one kind of telemetry travels (spec observability §7.1).
struct otlp_signal_options {
  /// Where requests go: the service's path included. http:// or https://.
  std::string url;
  /// Names in lower case. Values may be secrets and are never shown.
  std::vector<std::pair<std::string, std::string>> headers;
  bool gzip = false;
  /// Of one request, all tries included, ms; 1 to 600000.
  std::int64_t timeout_ms = 10'000;
  /// PEM files; empty: the system's authorities, no certificate of our own.
  std::string certificate, client_key, client_certificate;
};

/// Spans: which are made, and how they are queued (spec observability §5.1).
struct tracing_settings {
  bool enabled = false;
  /// Share of the traces that begin here, 0 to 1.
  double sample_rate = 1;
  /// A client that names a trace says whether it is sampled.
  bool parent_based = true;
  /// A trace with a step that took so long goes out anyway, ms; 0: none for that reason.
  std::int64_t slow_ms = 1'000;
  /// OTEL_BSP_*: spans that wait at most, spans of one request, how long few of them wait, and how
  /// long a request takes at most.
  std::size_t queue_size = 2'048, batch_size = 512;
  std::int64_t delay_ms = 5'000, timeout_ms = 30'000;
};

struct otlp_options {
  /// As given; empty: nothing is pushed.
  std::string endpoint;
  otlp_protocol protocol = otlp_protocol::grpc;
  /// Push log records too.
  bool logs_enabled = false;
  otlp_signal_options metrics, logs, traces;
  tracing_settings tracing;
};

/// Attributes of the OTel resource that the environment names: OTEL_RESOURCE_ATTRIBUTES and
/// OTEL_SERVICE_NAME. At most 128.
using named_attributes = std::vector<std::pair<std::string, std::string>>;

/// Scheme, host and port that requests go to, without a path for gRPC: `http://collector:4317`,
/// `https://[::1]:4318/prefix`.
struct otlp_base_url {
  std::string text;
};

/// Reads --otlp-endpoint. gRPC takes http://HOST:PORT, https://HOST:PORT and HOST:PORT; HTTP takes
/// the first two, each with a path. Without a port: 4317, 4318.
/// @return why not, for `--otlp-endpoint X: <why>`
std::variant<otlp_base_url, std::string>
parse_otlp_endpoint(std::string_view text, otlp_protocol protocol);

/// Reads `name=value,name=value` with percent-encoded values, as OTEL_*_HEADERS and
/// OTEL_RESOURCE_ATTRIBUTES hold them. Empty parts are skipped.
/// @return false for a part without name or `=`, or with a wrong percent code
bool parse_attribute_list(std::string_view text, named_attributes& into);

} // namespace actord
