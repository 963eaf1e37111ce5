#include "observability/otlp/encode_logs.hpp"
#include "observability/otlp/encode_metrics.hpp"

#include <doctest/doctest.h>

#include <logs_service.pb.h>
#include <metrics_service.pb.h>

#include <map>
#include <set>

using namespace actord;
using namespace actord::otlp;

namespace {

namespace common = opentelemetry::proto::common::v1;
namespace wire = opentelemetry::proto::metrics::v1;
using opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;
using opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

const resource_attributes resource = {{"telemetry.sdk.language", "cpp"}, {"service.name", "cache"}};

template <class Message>
Message decoded(const request& from) {
  Message result;
  REQUIRE(result.ParseFromString(from.bytes));
  return result;
}

struct received {
  std::string scope;
  wire::Metric metric;
};

/// Metrics by name; one that goes on in a second request has its points together here.
std::map<std::string, received> received_metrics(const requests& from) {
  std::map<std::string, received> result;
  for (const auto& each : from.ready) {
    auto message = decoded<ExportMetricsServiceRequest>(each);
    CHECK(message.resource_metrics_size() == 1);
    CHECK(message.resource_metrics(0).resource().attributes_size() == 2);
    for (const auto& scope : message.resource_metrics(0).scope_metrics())
      for (const auto& metric : scope.metrics()) {
        auto& known = result[metric.name()];
        known.scope = scope.scope().name();
        known.metric.MergeFrom(metric);
      }
  }
  return result;
}

template <class Point>
std::string attribute(const Point& point, const std::string& key) {
  for (const auto& each : point.attributes())
    if (each.key() == key)
      return each.value().string_value();
  return "none";
}

requests encoded(const metric_registry& registry, size_t limit_bytes = request_limit_bytes) {
  return encode_metrics(registry.read(), {resource, 1'000, registry.names()}, 2'000, limit_bytes);
}

} // namespace

TEST_CASE("a counter is a cumulative monotonic sum of integers since the daemon's start") {
  metric_registry registry;
  registry.counter(metric::l1_read, {"hot", "a"}).add(3);
  auto metrics = received_metrics(encoded(registry));
  REQUIRE(metrics.contains("lmcache_mp.l1_read"));
  const auto& [scope, metric] = metrics.at("lmcache_mp.l1_read");
  CHECK(scope == "lmcache.l1");
  CHECK(metric.unit() == "chunks");
  CHECK(metric.description() == "Chunks that readers took from L1.");
  CHECK(metric.sum().is_monotonic());
  CHECK(metric.sum().aggregation_temporality() == wire::AGGREGATION_TEMPORALITY_CUMULATIVE);
  REQUIRE(metric.sum().data_points_size() == 1);
  const auto& point = metric.sum().data_points(0);
  CHECK(point.as_int() == 3);
  CHECK(point.start_time_unix_nano() == 1'000);
  CHECK(point.time_unix_nano() == 2'000);
  CHECK(attribute(point, "l1_tag") == "hot");
  CHECK(attribute(point, "cache_salt") == "a");
}

TEST_CASE("a counter of seconds is a double, also when it is whole") {
  metric_registry registry;
  registry.counter(metric::transfer_phase_elapsed, {"0", "h2d", "kernel"}).add(2);
  auto metrics = received_metrics(encoded(registry));
  const auto& points = metrics.at("lmcache_mp.transfer_phase_elapsed").metric.sum().data_points();
  REQUIRE(points.size() == 1);
  CHECK(points[0].value_case() == wire::NumberDataPoint::kAsDouble);
  CHECK(points[0].as_double() == 2);
}

TEST_CASE("a gauge has no start, a fraction is a double") {
  metric_registry registry;
  registry.add_source([](gauge_sink& to) {
    to.set(metric::l1_usage_ratio, {"_default", "dram"}, 0.5);
  });
  auto metrics = received_metrics(encoded(registry));
  const auto& points = metrics.at("lmcache_mp.l1_usage_ratio").metric.gauge().data_points();
  REQUIRE(points.size() == 1);
  CHECK(points[0].as_double() == 0.5);
  CHECK(points[0].start_time_unix_nano() == 0);
}

TEST_CASE("a histogram has its own count per bucket and no extremes") {
  metric_registry registry;
  auto& cell = registry.histogram(metric::l1_chunk_evict_reuse_gap, {"hot"});
  for (auto value : {0.5, 1.0, 2.0, 400.0})
    cell.observe(value);
  auto metrics = received_metrics(encoded(registry));
  const auto& metric = metrics.at("lmcache_mp.l1_chunk_evict_reuse_gap").metric;
  CHECK(metric.histogram().aggregation_temporality() == wire::AGGREGATION_TEMPORALITY_CUMULATIVE);
  REQUIRE(metric.histogram().data_points_size() == 1);
  const auto& point = metric.histogram().data_points(0);
  CHECK(point.count() == 4);
  CHECK(point.sum() == 403.5);
  CHECK(point.start_time_unix_nano() == 1'000);
  const std::vector<uint64_t> counts(point.bucket_counts().begin(), point.bucket_counts().end());
  const std::vector<double> bounds(point.explicit_bounds().begin(), point.explicit_bounds().end());
  CHECK(counts == std::vector<uint64_t>{2, 1, 0, 0, 0, 0, 0, 1});
  CHECK(bounds == std::vector<double>{1, 5, 15, 30, 60, 120, 300});
  CHECK_FALSE(point.has_min());
  CHECK_FALSE(point.has_max());
}

TEST_CASE("other names of a metric are instruments of their own, as far as they are wanted") {
  for (auto names : {metric_names::all, metric_names::seed, metric_names::v056}) {
    metric_registry registry{{names, {}}};
    registry.counter(metric::l1_read).add(1);
    registry.counter(metric::sm_read_requests).add(1);
    auto metrics = received_metrics(encoded(registry));
    CHECK(metrics.contains("lmcache_mp.l1_read") == (names != metric_names::seed));
    CHECK(metrics.contains("lmcache_mp.l1_read_keys") == (names != metric_names::v056));
    CHECK(metrics.contains("lmcache_mp.sm_read_requests") == (names != metric_names::v056));
  }
}

TEST_CASE("what is beyond the limit of label sets carries OpenTelemetry's own attribute") {
  metric_registry registry;
  for (size_t i = 0; i <= metric_registry::label_set_limit; ++i)
    registry.counter(metric::lookups, {"model", std::to_string(i)}).add(1);
  auto metrics = received_metrics(encoded(registry));
  size_t overflows = 0;
  for (const auto& point : metrics.at("lmcache_mp.lookups").metric.sum().data_points())
    for (const auto& each : point.attributes())
      overflows += each.key() == "otel.metric.overflow" && each.value().bool_value() ? 1 : 0;
  CHECK(overflows == 1);
}

TEST_CASE("many points are split over requests below the limit, each whole in itself") {
  metric_registry registry;
  std::set<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    expected.insert(std::string(100, 'x') + std::to_string(i));
    registry.counter(metric::lookups, {*expected.rbegin(), ""});
    registry.counter(metric::lookups, {std::string(100, 'x') + std::to_string(i), ""}).add(1);
  }
  auto whole = encoded(registry);
  auto parts = encoded(registry, 10'000);
  CHECK(whole.ready.size() == 1);
  CHECK(parts.ready.size() > 5);
  CHECK(parts.oversized == 0);
  size_t items = 0;
  for (const auto& each : parts.ready) {
    CHECK(each.bytes.size() <= 10'000);
    items += each.items;
  }
  CHECK(items == whole.ready[0].items);
  auto metrics = received_metrics(parts);
  std::set<std::string> models;
  for (const auto& point : metrics.at("lmcache_mp.lookups").metric.sum().data_points())
    models.insert(attribute(point, "model_name"));
  CHECK(models == expected);
}

TEST_CASE("a point that no request can hold is left out and counted") {
  metric_registry registry;
  registry.counter(metric::lookups, {std::string(20'000, 'x'), ""}).add(1);
  registry.counter(metric::lookups, {"small", ""}).add(1);
  auto made = encoded(registry, 10'000);
  CHECK(made.oversized == 1);
  auto metrics = received_metrics(made);
  CHECK(metrics.at("lmcache_mp.lookups").metric.sum().data_points_size() == 1);
}

TEST_CASE("labels that are no UTF-8 arrive as text with replacements") {
  metric_registry registry;
  registry.counter(metric::lookups, {"m\xC3\xB6\xFF\xE2\x82\xED\xA0\x80", ""}).add(1);
  auto metrics = received_metrics(encoded(registry));
  const auto& point = metrics.at("lmcache_mp.lookups").metric.sum().data_points(0);
  CHECK(attribute(point, "model_name")
        == "m\xC3\xB6\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("log records carry time, severity, text, logger and request") {
  const std::vector<log_record> records
    = {{10, severity::debug, "a", "lmcache", ""},
       {20, severity::info, "b", "lmcache", ""},
       {30, severity::warning, "c", "lmcache", "r-1"},
       {40, severity::error, "d\xFF", "lmcache", ""},
       {50, severity::critical, "", "lmcache", ""},
       {60, severity::info, "e", "lmcache.l1", "r", span_context{{1, 2}, 3}}};
  auto made = encode_logs(records, resource);
  REQUIRE(made.ready.size() == 1);
  CHECK(made.ready[0].items == 6);
  auto message = decoded<ExportLogsServiceRequest>(made.ready[0]);
  const auto& logs = message.resource_logs(0);
  CHECK(attribute(logs.resource(), "service.name") == "cache");
  CHECK(logs.scope_logs(0).scope().name() == "lmcache");
  const auto& sent = logs.scope_logs(0).log_records();
  const std::vector<std::pair<int, std::string>> levels
    = {{5, "DEBUG"}, {9, "INFO"}, {13, "WARNING"}, {17, "ERROR"}, {21, "CRITICAL"}};
  for (int i = 0; i < 5; ++i) {
    CHECK(sent[i].time_unix_nano() == static_cast<uint64_t>(10 * (i + 1)));
    CHECK(sent[i].observed_time_unix_nano() == sent[i].time_unix_nano());
    CHECK(sent[i].severity_number() == levels[static_cast<size_t>(i)].first);
    CHECK(sent[i].severity_text() == levels[static_cast<size_t>(i)].second);
    CHECK(sent[i].trace_id().empty());
  }
  CHECK(sent[0].body().string_value() == "a");
  CHECK(attribute(sent[2], "request_id") == "r-1");
  CHECK(sent[0].attributes().empty());
  CHECK(sent[3].body().string_value() == "d\xEF\xBF\xBD");
  CHECK(logs.scope_logs(1).scope().name() == "lmcache.l1");
  CHECK(logs.scope_logs(1).log_records(0).body().string_value() == "e");
  CHECK(logs.scope_logs(1).log_records(0).trace_id()
        == std::string("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2", 16));
  CHECK(logs.scope_logs(1).log_records(0).span_id() == std::string("\0\0\0\0\0\0\0\3", 8));
}

TEST_CASE("log records are split below the limit, and none of nothing makes no request") {
  CHECK(encode_logs({}, resource).ready.empty());
  std::vector<log_record> records(100, {1, severity::info, std::string(300, 'x'), "lmcache", ""});
  for (size_t i = 0; i < records.size(); i += 2)
    records[i].logger = "lmcache.l1";
  records.push_back({1, severity::info, std::string(5'000, 'x'), "lmcache", ""});
  auto made = encode_logs(records, resource, 4'000);
  CHECK(made.oversized == 1);
  size_t items = 0;
  for (const auto& each : made.ready) {
    CHECK(each.bytes.size() <= 4'000);
    items += each.items;
    auto message = decoded<ExportLogsServiceRequest>(each);
    CHECK(message.resource_logs(0).resource().attributes_size() == 2);
  }
  CHECK(items == 100);
}
