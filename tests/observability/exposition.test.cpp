#include "observability/exposition.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace actord;

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr auto text = exposition_format::text_0_0_4;
constexpr auto open = exposition_format::open_metrics;

MetricFamily counter(std::string name, double value) {
  ClientMetric point;
  point.label = {{"b", "2"}, {"a", "1"}};
  point.counter.value = value;
  return {std::move(name), "Some.", MetricType::Counter, {point}};
}

MetricFamily gauge(std::string name, double value) {
  ClientMetric point;
  point.gauge.value = value;
  return {std::move(name), "", MetricType::Gauge, {point}};
}

} // namespace

TEST_CASE("a counter carries its whole name in text and no _total in headers of OpenMetrics") {
  std::vector all{counter("x_seconds_total", 4)};
  CHECK(exposition(all, text)
        == "# HELP x_seconds_total Some.\n"
           "# TYPE x_seconds_total counter\n"
           "x_seconds_total{a=\"1\",b=\"2\"} 4\n");
  CHECK(exposition(all, exposition_format::text_1_0_0) == exposition(all, text));
  CHECK(exposition(all, open)
        == "# HELP x_seconds Some.\n"
           "# TYPE x_seconds counter\n"
           "# UNIT x_seconds seconds\n"
           "x_seconds_total{a=\"1\",b=\"2\"} 4\n"
           "# EOF\n");
  CHECK(exposition({counter("plain", 1)}, open).find("\nplain_total{") != std::string::npos);
}

TEST_CASE("a counter whose name without _total is another's keeps its whole name") {
  auto other = counter("x", 4);
  other.type = prometheus::MetricType::Gauge;
  const auto text = exposition({counter("x_total", 4), other}, exposition_format::open_metrics);
  CHECK(text.find("# TYPE x_total unknown\nx_total{") != std::string::npos);
  CHECK(text.find("# TYPE x gauge\nx{") != std::string::npos);
  CHECK(exposition({counter("x_total", 4), other}, exposition_format::text_0_0_4)
          .find("# TYPE x_total counter\n")
        != std::string::npos);
}

TEST_CASE("an info gauge is an info of OpenMetrics") {
  std::vector all{gauge("target_info", 1)};
  CHECK(exposition(all, text) == "# TYPE target_info gauge\ntarget_info 1\n");
  CHECK(exposition(all, open) == "# TYPE target info\ntarget_info 1\n# EOF\n");
}

TEST_CASE("units are named only where the name ends in one") {
  CHECK(exposition({gauge("free_bytes", 1)}, open).find("# UNIT free_bytes bytes\n")
        != std::string::npos);
  for (auto name : {"megabytes", "bytes", "x_GB_per_second"})
    CHECK(exposition({gauge(name, 1)}, open).find("UNIT") == std::string::npos);
  CHECK(exposition({gauge("free_bytes", 1)}, text).find("UNIT") == std::string::npos);
}

TEST_CASE("numbers are as short as they read back") {
  auto spelled = [](double value) {
    auto line = exposition({gauge("g", value)}, text);
    return line.substr(line.find("\ng ") + 3);
  };
  using limits = std::numeric_limits<double>;
  CHECK(spelled(4) == "4\n");
  CHECK(spelled(0.1) == "0.1\n");
  CHECK(spelled(1e300) == "1e+300\n");
  CHECK(spelled(1.0 / 3) == "0.3333333333333333\n");
  CHECK(spelled(limits::infinity()) == "+Inf\n");
  CHECK(spelled(-limits::infinity()) == "-Inf\n");
  CHECK(spelled(limits::quiet_NaN()) == "NaN\n");
  CHECK(spelled(9007199254740993.0) == "9007199254740992\n");
}

TEST_CASE("help and label values are escaped") {
  MetricFamily family{"g", "a\\b\n\"c\"", MetricType::Gauge, {{}}};
  family.metric[0].label = {{"l", "a\\b\n\"c\""}};
  CHECK(exposition({family}, text)
        == "# HELP g a\\\\b\\n\"c\"\n"
           "# TYPE g gauge\n"
           "g{l=\"a\\\\b\\n\\\"c\\\"\"} 0\n");
  CHECK(exposition({family}, open).starts_with("# HELP g a\\\\b\\n\\\"c\\\"\n"));
}

TEST_CASE("bytes that are no UTF-8 do not spoil the page") {
  auto family = gauge("x", 1);
  family.help = "\x80";
  family.metric[0].label = {{"a", "\xFF\xC3\xA9"}};
  for (auto format : {text, open})
    CHECK(exposition({family}, format)
            .starts_with("# HELP x \xEF\xBF\xBD\n"
                         "# TYPE x gauge\n"
                         "x{a=\"\xEF\xBF\xBD\xC3\xA9\"} 1\n"));
}

TEST_CASE("a histogram writes le among its labels, infinity, count and sum") {
  ClientMetric point;
  point.label = {{"zone", "z"}, {"a", "1"}};
  point.histogram = {3, 7.5, {{1, 5}, {2, 0.5}}};
  MetricFamily family{"h_seconds", "", MetricType::Histogram, {point}};
  std::string expected = "h_seconds_bucket{a=\"1\",le=\"5.0\",zone=\"z\"} 1\n"
                         "h_seconds_bucket{a=\"1\",le=\"0.5\",zone=\"z\"} 2\n"
                         "h_seconds_bucket{a=\"1\",le=\"+Inf\",zone=\"z\"} 3\n"
                         "h_seconds_count{a=\"1\",zone=\"z\"} 3\n"
                         "h_seconds_sum{a=\"1\",zone=\"z\"} 7.5\n";
  CHECK(exposition({family}, text) == "# TYPE h_seconds histogram\n" + expected);
  family.metric[0].histogram.bucket.push_back({3, std::numeric_limits<double>::infinity()});
  CHECK(exposition({family}, text) == "# TYPE h_seconds histogram\n" + expected);
}

TEST_CASE("summaries and untyped values are written too") {
  ClientMetric point;
  point.summary = {2, 3.5, {{0.5, 1}, {1, 2.5}}};
  CHECK(exposition({{"s", "", MetricType::Summary, {point}}}, text)
        == "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"1.0\"} 2.5\n"
           "s_count 2\ns_sum 3.5\n");
  point.untyped.value = 6;
  CHECK(exposition({{"u", "", MetricType::Untyped, {point}}}, text) == "# TYPE u untyped\nu 6\n");
  CHECK(exposition({{"u", "", MetricType::Untyped, {point}}}, open)
        == "# TYPE u unknown\nu 6\n# EOF\n");
}

TEST_CASE("without families a text is empty, OpenMetrics only ends") {
  CHECK(exposition({}, text).empty());
  CHECK(exposition({}, open) == "# EOF\n");
}
