// What --otlp-endpoint and the OTEL_* variables make together.
#include "runtime/options/option_checks.hpp"
#include "runtime/options/option_values.hpp"

#include <algorithm>
#include <string_view>

namespace actord {

namespace {

constexpr std::string_view instance_name = "service.instance.id";

constexpr std::size_t header_limit = 64, attribute_limit = 128;

bool is_header_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

bool is_header_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F; });
}

/// Reads the variables of one signal. Its own win over those for all signals.
class signal_reader {
public:
  signal_reader(std::string_view signal, const option_sources& sources, option_problems& problems)
    : signal_(signal), sources_(sources), problems_(problems) {
  }

  void read(otlp_signal_options& into) {
    read_headers(into);
    read_compression(into);
    read_timeout(into);
    into.certificate = file("CERTIFICATE");
    into.client_key = file("CLIENT_KEY");
    into.client_certificate = file("CLIENT_CERTIFICATE");
    if (into.client_key.empty() != into.client_certificate.empty())
      problems_.push_back({1, "OTEL_EXPORTER_OTLP_CLIENT_KEY and "
                              "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE belong together: set both, "
                              "or none"});
  }

private:
  struct found {
    std::string name, value;
  };

  found find(std::string_view what) const {
    for (auto name : {"OTEL_EXPORTER_OTLP_" + signal_ + "_" + std::string(what),
                      "OTEL_EXPORTER_OTLP_" + std::string(what)}) {
      auto known = sources_.variables.find(name);
      if (known != sources_.variables.end() && !known->second.empty())
        return {name, known->second};
    }
    return {};
  }

  void wrong(const std::string& what) {
    problems_.push_back({1, what});
  }

  void read_headers(otlp_signal_options& into) {
    const auto [name, value] = find("HEADERS");
    bool good = parse_attribute_list(value, into.headers) && into.headers.size() <= header_limit;
    for (auto& [key, text] : into.headers) {
      key = to_lower(key);
      good = good && is_header_name(key) && is_header_value(text);
    }
    if (!good) // not shown: it may hold secrets
      wrong(name + ": must be at most 64 headers as name=value,name=value, values percent-encoded");
  }

  void read_compression(otlp_signal_options& into) {
    const auto [name, value] = find("COMPRESSION");
    into.gzip = to_lower(value) == "gzip";
    if (!value.empty() && !into.gzip && to_lower(value) != "none")
      wrong(name + "=" + printable(value) + ": unknown compression; use gzip or none");
  }

  // Seconds, as the exporter of the Python server takes them.
  void read_timeout(otlp_signal_options& into) {
    constexpr double most_s = 600;
    const auto [name, value] = find("TIMEOUT");
    if (value.empty())
      return;
    const auto seconds = parse_number(value);
    if (!seconds || !(*seconds >= 0.001) || *seconds > most_s)
      wrong(name + "=" + printable(value) + ": must be a number of seconds, 0.001 to 600");
    else
      into.timeout_ms = static_cast<std::int64_t>(*seconds * 1'000);
  }

  std::string file(std::string_view what) {
    const auto [name, path] = find(what);
    if (path.empty())
      return {};
    if (const auto content = sources_.read_file(path); !content.error.empty())
      wrong(name + "=" + printable(path) + ": cannot be read: " + content.error
            + "; check path and permissions");
    return path;
  }

  std::string signal_;
  const option_sources& sources_;
  option_problems& problems_;
};

void read_resource(daemon_options& options, const option_sources& sources) {
  auto& attributes = options.observability.resource;
  auto text_of = [&](std::string_view name) {
    auto found = sources.variables.find(name);
    return found == sources.variables.end() ? std::string() : found->second;
  };
  const auto list = text_of("OTEL_RESOURCE_ATTRIBUTES");
  if (!parse_attribute_list(list, attributes) || attributes.size() > attribute_limit) {
    attributes.clear();
    options.warnings.push_back("OTEL_RESOURCE_ATTRIBUTES=" + printable(list)
                               + " is ignored: write at most 128 times name=value, with commas");
  }
  if (auto name = text_of("OTEL_SERVICE_NAME"); !name.empty()) {
    std::erase_if(attributes, [](const auto& each) { return each.first == "service.name"; });
    attributes.emplace_back("service.name", std::move(name));
  }
  std::erase_if(attributes, [](const auto& each) { return each.first == instance_name; });
}

} // namespace

void settle_otlp(option_draft& draft, const option_sources& sources, const chosen_values& chosen,
                 option_problems& problems) {
  auto& options = draft.options;
  auto& otlp = options.otlp;
  read_resource(options, sources);
  if (chosen.contains("--service-instance-id")) // may be empty (spec observability C5)
    options.observability.resource.emplace_back(instance_name, draft.service_instance_id);
  otlp.protocol = draft.otlp_protocol == "grpc" ? otlp_protocol::grpc : otlp_protocol::http;
  if (otlp.logs_enabled && otlp.endpoint.empty())
    problems.push_back({1, "--otlp-logs requires --otlp-endpoint; remove --otlp-logs"});
  if (otlp.endpoint.empty())
    return;
  const auto& given = chosen.find("--otlp-endpoint")->second;
  otlp.endpoint = std::string(trimmed(otlp.endpoint)); // it is shown, too
  auto parsed = parse_otlp_endpoint(otlp.endpoint, otlp.protocol);
  if (auto* why = std::get_if<std::string>(&parsed)) {
    const bool secret = otlp.endpoint.find('@') != std::string::npos;
    problems.push_back(secret ? option_problem{1, "--otlp-endpoint: " + *why}
                              : given.rejected(*why));
    return;
  }
  const auto& base = std::get<otlp_base_url>(parsed).text;
  const bool grpc = otlp.protocol == otlp_protocol::grpc;
  const std::string service = "/opentelemetry.proto.collector.";
  otlp.metrics.url = base + (grpc ? service + "metrics.v1.MetricsService/Export" : "/v1/metrics");
  otlp.logs.url = base + (grpc ? service + "logs.v1.LogsService/Export" : "/v1/logs");
  signal_reader("METRICS", sources, problems).read(otlp.metrics);
  if (otlp.logs_enabled)
    signal_reader("LOGS", sources, problems).read(otlp.logs);
  if (!options.observability.enabled)
    options.warnings.push_back("--otlp-endpoint has no effect: --disable-observability");
}

} // namespace actord
