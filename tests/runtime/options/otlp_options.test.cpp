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

TEST_CASE("spans are still refused, with and without an endpoint") {
  const option_world world;
  CHECK(contains(world.refused(pushing("c:1") + words{"--enable-tracing"}).text, "not built yet"));
  CHECK(contains(world.refused(minimum + words{"--enable-tracing"}).text,
                 "--enable-tracing requires --otlp-endpoint"));
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
