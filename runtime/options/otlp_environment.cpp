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

/// Reads OTEL_BSP_* and OTEL_TRACES_SAMPLER.
class tracing_reader {
public:
  tracing_reader(const option_sources& sources, option_problems& problems)
    : sources_(sources), problems_(problems) {
  }

  void read_batches(tracing_settings& into) {
    read_whole("OTEL_BSP_MAX_QUEUE_SIZE", 1, 65'536, into.queue_size);
    read_whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, 65'536, into.batch_size);
    read_whole("OTEL_BSP_SCHEDULE_DELAY", 1, 600'000, into.delay_ms);
    read_whole("OTEL_BSP_EXPORT_TIMEOUT", 1, 600'000, into.timeout_ms);
    into.batch_size = std::min(into.batch_size, into.queue_size);
  }

  /// @param rate_given by the flag, which wins
  void read_sampler(tracing_settings& into, bool rate_given) {
    const auto name = to_lower(text_of("OTEL_TRACES_SAMPLER"));
    if (name.empty())
      return;
    into.parent_based = name.starts_with("parentbased_");
    const auto kind = std::string_view(name).substr(into.parent_based ? 12 : 0);
    double rate = 1;
    if (kind == "traceidratio")
      rate = ratio();
    else if (kind == "always_off")
      rate = 0;
    else if (kind != "always_on")
      problems_.push_back({1, "OTEL_TRACES_SAMPLER=" + printable(name)
                                + ": unknown sampler; use always_on, always_off or traceidratio, "
                                  "each also with parentbased_ before it"});
    if (!rate_given)
      into.sample_rate = rate;
    // Not even slow or failed requests: the operator wants no traces.
    if (name == "always_off" && !rate_given)
      into.enabled = false;
  }

private:
  std::string text_of(const char* name) const {
    auto known = sources_.variables.find(name);
    return known == sources_.variables.end() ? std::string() : std::string(trimmed(known->second));
  }

  template <class Number>
  void read_whole(const char* name, double least, double most, Number& into) {
    const auto text = text_of(name);
    if (text.empty())
      return;
    const auto value = parse_number(text);
    if (!value || !(*value >= least) || *value > most
        || *value != static_cast<double>(static_cast<std::int64_t>(*value)))
      problems_.push_back({1, std::string(name) + "=" + printable(text)
                                + ": must be a whole number, " + std::to_string(int(least)) + " to "
                                + std::to_string(int(most))});
    else
      into = static_cast<Number>(*value);
  }

  double ratio() {
    const auto text = text_of("OTEL_TRACES_SAMPLER_ARG");
    const auto value = text.empty() ? std::optional{1.0} : parse_number(text);
    if (value && *value >= 0 && *value <= 1)
      return *value;
    problems_.push_back(
      {1, "OTEL_TRACES_SAMPLER_ARG=" + printable(text) + ": must be a share, 0 to 1"});
    return 1;
  }

  const option_sources& sources_;
  option_problems& problems_;
};

void settle_tracing(otlp_options& otlp, const option_sources& sources, const chosen_values& chosen,
                    option_problems& problems) {
  if (!otlp.tracing.enabled)
    return;
  tracing_reader reader(sources, problems);
  reader.read_batches(otlp.tracing);
  reader.read_sampler(otlp.tracing, chosen.contains("--trace-sample-rate"));
}

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
  if (otlp.tracing.enabled && otlp.endpoint.empty())
    problems.push_back({1, "--enable-tracing requires --otlp-endpoint; remove --enable-tracing"});
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
  otlp.traces.url = base + (grpc ? service + "trace.v1.TraceService/Export" : "/v1/traces");
  settle_tracing(otlp, sources, chosen, problems);
  if (otlp.tracing.enabled)
    signal_reader("TRACES", sources, problems).read(otlp.traces);
  signal_reader("METRICS", sources, problems).read(otlp.metrics);
  if (otlp.logs_enabled)
    signal_reader("LOGS", sources, problems).read(otlp.logs);
  if (!options.observability.enabled)
    options.warnings.push_back("--otlp-endpoint has no effect: --disable-observability");
}

} // namespace actord
