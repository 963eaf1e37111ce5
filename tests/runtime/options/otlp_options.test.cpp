#include "runtime/options/config_view.hpp"
#include "tests/runtime/options/option_fixture.hpp"

#include <nlohmann/json.hpp>

using namespace actord;
using namespace actord::test;

namespace {

words pushing(const std::string& endpoint, const std::string& protocol = "grpc") {
  return minimum + words{"--otlp-endpoint", endpoint, "--otlp-protocol", protocol};
}

const std::string grpc_metrics = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

} // namespace

TEST_CASE("an endpoint becomes the address of each signal's service") {
  const option_world world;
  const struct {
    std::string given, protocol, metrics;
  } cases[] = {
    {"http://c:4320", "grpc", "http://c:4320" + grpc_metrics},
    {"HTTPS://c:4320/", "grpc", "https://c:4320" + grpc_metrics},
    {"c:4320", "grpc", "http://c:4320" + grpc_metrics},
    {"localhost", "grpc", "http://localhost:4317" + grpc_metrics},
    {"[::1]:4317", "grpc", "http://[::1]:4317" + grpc_metrics},
    {"http://[::1]", "grpc", "http://[::1]:4317" + grpc_metrics},
    {"http://10.0.0.1:4318", "http/protobuf", "http://10.0.0.1:4318/v1/metrics"},
    {"https://c/otlp/", "http/protobuf", "https://c:4318/otlp/v1/metrics"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.given);
    auto otlp = world.started(pushing(each.given, each.protocol)).otlp;
    CHECK(otlp.metrics.url == each.metrics);
    CHECK(otlp.metrics.timeout_ms == 10'000);
    CHECK_FALSE(otlp.metrics.gzip);
  }
  auto otlp = world.started(pushing("c:1") + words{"--otlp-logs"}).otlp;
  CHECK(otlp.logs.url == "http://c:1/opentelemetry.proto.collector.logs.v1.LogsService/Export");
  CHECK(otlp.logs_enabled);
  CHECK_FALSE(world.started(minimum).otlp.logs_enabled);
}

TEST_CASE("a wrong endpoint is refused with its text and how to write one") {
  const option_world world;
  for (const std::string given :
       {"ftp://c:1", "http://", "http://c:0", "http://c:65536", "http://c:x", "http://c:", "c:1:2",
        "http://c d:1", "http://[::1", "http://[c]:1", "http://c:1/path", "://c:1", ":4317",
        "http://c:1?x=1", "http://c:111111", "http://\xC3\xA4:1"}) {
    CAPTURE(given);
    auto answer = world.refused(pushing(given));
    CHECK(answer.code == 1);
    CHECK(contains(answer.text, "--otlp-endpoint "));
    CHECK(contains(answer.text, "write http://HOST:4317"));
  }
  CHECK(contains(world.refused(pushing("c:4318", "http/protobuf")).text, "needs a scheme"));
  CHECK(contains(world.refused(pushing("http://c/a?b", "http/protobuf")).text, "no host and port"));
  CHECK(world.refused(pushing("c:1", "http/json")).code == 2);
}

TEST_CASE("an endpoint with a password is refused without showing it") {
  const option_world world;
  auto answer = world.refused(pushing("http://me:hunter2@c:1"));
  CHECK(answer.code == 1);
  CHECK(contains(answer.text, "OTEL_EXPORTER_OTLP_HEADERS"));
  CHECK_FALSE(contains(answer.text, "hunter2"));
}

TEST_CASE("log records need somewhere to go") {
  const option_world world;
  auto answer = world.refused(minimum + words{"--otlp-logs"});
  CHECK(answer.code == 1);
  CHECK(contains(answer.text, "--otlp-logs requires --otlp-endpoint"));
}

TEST_CASE("spans need somewhere to go") {
  const option_world world;
  const auto answer = world.refused(minimum + words{"--enable-tracing"});
  CHECK(answer.code == 1);
  CHECK(contains(answer.text, "--enable-tracing requires --otlp-endpoint"));
  const auto options = world.started(pushing("c:1") + words{"--enable-tracing"});
  CHECK(options.otlp.tracing.enabled);
  CHECK(options.otlp.traces.url
        == "http://c:1/opentelemetry.proto.collector.trace.v1.TraceService/Export");
  const auto& tracing = options.otlp.tracing;
  CHECK(tracing.sample_rate == 1);
  CHECK(tracing.parent_based);
  CHECK(tracing.slow_ms == 1'000);
  CHECK(tracing.queue_size == 2'048);
  CHECK(tracing.batch_size == 512);
  CHECK(tracing.delay_ms == 5'000);
  CHECK(tracing.timeout_ms == 30'000);
  CHECK_FALSE(world.started(pushing("c:1")).otlp.tracing.enabled);
}

TEST_CASE("the standard variables say how spans are queued") {
  option_world world;
  const auto traced = pushing("http://c:1", "http/protobuf") + words{"--enable-tracing"};
  world.variables = {{"OTEL_BSP_MAX_QUEUE_SIZE", "100"},
                     {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "200"},
                     {"OTEL_BSP_SCHEDULE_DELAY", "50"},
                     {"OTEL_BSP_EXPORT_TIMEOUT", "60"},
                     {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-a=1"}};
  const auto options = world.started(traced);
  const auto& tracing = options.otlp.tracing;
  CHECK(options.otlp.traces.url == "http://c:1/v1/traces");
  CHECK(options.otlp.traces.headers == named_attributes{{"x-a", "1"}});
  CHECK(tracing.queue_size == 100);
  CHECK(tracing.batch_size == 100); // never more than the queue holds
  CHECK(tracing.delay_ms == 50);
  CHECK(tracing.timeout_ms == 60);
  for (const char* wrong : {"0", "-1", "1.5", "many", "1e9", "nan"}) {
    world.variables = {{"OTEL_BSP_MAX_QUEUE_SIZE", wrong}};
    CHECK(contains(world.refused(traced).text, "OTEL_BSP_MAX_QUEUE_SIZE=" + std::string(wrong)));
  }
}

TEST_CASE("the flag, else the standard variables, say which traces go out") {
  struct sample {
    const char *sampler, *argument;
    bool enabled, parent_based;
    double rate;
  };
  option_world world;
  const auto traced = pushing("c:1") + words{"--enable-tracing"};
  for (const auto& each : {sample{"always_on", "0.5", true, false, 1},
                           {"always_off", "", false, false, 0},
                           {"traceidratio", "0.25", true, false, 0.25},
                           {"traceidratio", "", true, false, 1},
                           {"PARENTBASED_ALWAYS_ON", "", true, true, 1},
                           {"parentbased_always_off", "", true, true, 0},
                           {"parentbased_traceidratio", "0.1", true, true, 0.1}}) {
    CAPTURE(each.sampler);
    world.variables
      = {{"OTEL_TRACES_SAMPLER", each.sampler}, {"OTEL_TRACES_SAMPLER_ARG", each.argument}};
    const auto tracing = world.started(traced).otlp.tracing;
    CHECK(tracing.enabled == each.enabled);
    CHECK(tracing.parent_based == each.parent_based);
    CHECK(tracing.sample_rate == each.rate);
    const auto told = world.started(traced + words{"--trace-sample-rate", "0.75"}).otlp.tracing;
    CHECK(told.enabled);
    CHECK(told.sample_rate == 0.75);
  }
  world.variables = {{"OTEL_TRACES_SAMPLER", "jaeger_remote"}};
  CHECK(contains(world.refused(traced).text, "unknown sampler"));
  world.variables = {{"OTEL_TRACES_SAMPLER", "traceidratio"}, {"OTEL_TRACES_SAMPLER_ARG", "2"}};
  CHECK(contains(world.refused(traced).text, "OTEL_TRACES_SAMPLER_ARG=2"));
  world.variables.clear();
  CHECK(world.refused(traced + words{"--trace-sample-rate", "1.5"}).code != 0);
}

TEST_CASE("the standard variables say how requests travel, a signal's own first") {
  option_world world;
  world.variables = {{"OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc, x-tenant=7,"},
                     {"OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-tenant=8"},
                     {"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"},
                     {"OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "none"},
                     {"OTEL_EXPORTER_OTLP_TIMEOUT", "2.5"},
                     {"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "4"},
                     {"OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem"},
                     {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem"},
                     {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "me.pem"}};
  world.files = {{"ca.pem", "x"}, {"key.pem", "x"}, {"me.pem", "x"}};
  auto options = world.started(pushing("https://c:1") + words{"--otlp-logs"});
  const auto& metrics = options.otlp.metrics;
  CHECK(metrics.headers == named_attributes{{"authorization", "Bearer abc"}, {"x-tenant", "7"}});
  CHECK(metrics.gzip);
  CHECK(metrics.timeout_ms == 4'000);
  CHECK(metrics.certificate == "ca.pem");
  CHECK(metrics.client_key == "key.pem");
  CHECK(metrics.client_certificate == "me.pem");
  const auto& logs = options.otlp.logs;
  CHECK(logs.headers == named_attributes{{"x-tenant", "8"}});
  CHECK_FALSE(logs.gzip);
  CHECK(logs.timeout_ms == 2'500);
  CHECK_FALSE(contains(config_view(options).dump(), "Bearer"));
  CHECK(config_view(options)["observability"]["otlp_endpoint"] == "https://c:1");
}

TEST_CASE("variables that make no sense are refused, and their secrets stay out of the message") {
  const struct {
    const char *name, *value, *text;
  } cases[] = {
    {"OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "OTEL_EXPORTER_OTLP_HEADERS: must be"},
    {"OTEL_EXPORTER_OTLP_HEADERS", "=hunter2", "OTEL_EXPORTER_OTLP_HEADERS: must be"},
    {"OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2", "OTEL_EXPORTER_OTLP_HEADERS: must be"},
    {"OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0D%0Ab", "OTEL_EXPORTER_OTLP_HEADERS: must be"},
    {"OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a=hunter2%4", "OTLP_METRICS_HEADERS: must be"},
    {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "COMPRESSION=zstd: unknown compression; use gzip"},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", "0", "TIMEOUT=0: must be a number of seconds"},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "TIMEOUT=10000: must be a number of seconds"},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "TIMEOUT=nan: must be a number of seconds"},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", "1s", "TIMEOUT=1s: must be a number of seconds"},
    {"OTEL_EXPORTER_OTLP_CERTIFICATE", "gone.pem", "CERTIFICATE=gone.pem: cannot be read"},
    {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "gone.pem", "belong together"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.name);
    option_world world;
    world.variables = {{each.name, each.value}};
    auto answer = world.refused(pushing("https://c:1"));
    CHECK(answer.code == 1);
    CAPTURE(answer.text);
    CHECK(contains(answer.text, each.text));
    CHECK_FALSE(contains(answer.text, "hunter2"));
    world.started(minimum); // without an endpoint they mean nothing
  }
}

TEST_CASE("the resource is what the environment names") {
  option_world world;
  world.variables = {{"OTEL_RESOURCE_ATTRIBUTES", "zone=a%2Cb,service.name=other"},
                     {"OTEL_SERVICE_NAME", "cache"}};
  CHECK(world.started(minimum).observability.resource
        == named_attributes{{"zone", "a,b"}, {"service.name", "cache"}});
  world.variables = {{"OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=no"}};
  CHECK(world.started(minimum).observability.resource.empty());
  for (const char* given : {"mine", ""}) // an empty one is one, too
    CHECK(world.started(minimum + words{"--service-instance-id", given}).observability.resource
          == named_attributes{{"service.instance.id", given}});
  world.variables = {{"OTEL_RESOURCE_ATTRIBUTES", "zone"}};
  auto options = world.started(minimum);
  CHECK(options.observability.resource.empty());
  REQUIRE(options.warnings.size() == 1);
  CHECK(contains(options.warnings[0], "OTEL_RESOURCE_ATTRIBUTES=zone is ignored"));
}

TEST_CASE("an endpoint without observability is told to have no effect") {
  const option_world world;
  auto options = world.started(pushing("c:1") + words{"--disable-observability"});
  REQUIRE(options.warnings.size() == 1);
  CHECK(contains(options.warnings[0], "no effect"));
}
