#include "observability/exposition.hpp"

#include "observability/utf8.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace actord {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using label = ClientMetric::Label;

/// The shortest text that reads back as the same number.
std::string number_text(double value) {
  if (std::isnan(value))
    return "NaN";
  if (std::isinf(value))
    return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return {buffer, end};
}

/// Bounds always read as floating point: "5.0", as selectors in dashboards spell them.
std::string bound_text(double value) {
  auto result = number_text(value);
  if (std::isfinite(value) && result.find_first_of(".e") == std::string::npos)
    result += ".0";
  return result;
}

std::string escaped(std::string_view text, bool quotes) {
  std::string result;
  for (auto symbol : utf8(text)) {
    if (symbol == '\n')
      result += "\\n";
    else if (symbol == '\\' || (quotes && symbol == '"'))
      (result += '\\') += symbol;
    else
      result += symbol;
  }
  return result;
}

/// One family: its names, and its lines at the end of a text.
class family_writer {
public:
  /// @param taken whether another family has the name that is left without a suffix
  family_writer(const MetricFamily& family, exposition_format format, bool taken, std::string& out)
    : family_(family), open_(format == exposition_format::open_metrics), taken_(taken),
      name_(family.name), out_(out) {
    if (open_ && !taken_)
      take_suffix();
  }

  void write() {
    write_header();
    for (const auto& point : family_.metric)
      write_point(point);
  }

private:
  void take_suffix() {
    if (family_.type == MetricType::Counter)
      suffix_ = "_total";
    else if (family_.type == MetricType::Gauge && name_.ends_with("_info"))
      suffix_ = "_info";
    if (name_.ends_with(suffix_))
      name_.remove_suffix(suffix_.size());
  }

  std::string_view type_name() const {
    if (suffix_ == "_info")
      return "info";
    if (open_ && taken_)
      return "unknown"; // which may have any name
    switch (family_.type) {
      case MetricType::Counter: return "counter";
      case MetricType::Gauge: return "gauge";
      case MetricType::Summary: return "summary";
      case MetricType::Histogram: return "histogram";
      case MetricType::Untyped: break;
    }
    return open_ ? "unknown" : "untyped";
  }

  void write_header() {
    if (!family_.help.empty())
      header("HELP", escaped(family_.help, open_));
    header("TYPE", type_name());
    for (std::string_view unit : {"seconds", "bytes", "ratio"})
      if (open_ && name_.ends_with(unit) && name_.size() > unit.size()
          && name_[name_.size() - unit.size() - 1] == '_')
        header("UNIT", unit);
  }

  void header(std::string_view keyword, std::string_view text) {
    ((((out_ += "# ") += keyword) += ' ') += name_) += ' ';
    (out_ += text) += '\n';
  }

  void write_point(const ClientMetric& point) {
    switch (family_.type) {
      case MetricType::Counter: sample(suffix_, point, point.counter.value); break;
      case MetricType::Gauge: sample(suffix_, point, point.gauge.value); break;
      case MetricType::Untyped: sample({}, point, point.untyped.value); break;
      case MetricType::Histogram: write_histogram(point); break;
      case MetricType::Summary:
        for (const auto& part : point.summary.quantile)
          sample({}, point, part.value, {"quantile", bound_text(part.quantile)});
        write_total(point, point.summary.sample_count, point.summary.sample_sum);
        break;
    }
  }

  void write_histogram(const ClientMetric& point) {
    const auto& histogram = point.histogram;
    auto infinite = false;
    for (const auto& bucket : histogram.bucket) {
      infinite = std::isinf(bucket.upper_bound);
      write_bucket(point, bucket.cumulative_count, bucket.upper_bound);
    }
    if (!infinite)
      write_bucket(point, histogram.sample_count, INFINITY);
    write_total(point, histogram.sample_count, histogram.sample_sum);
  }

  void write_bucket(const ClientMetric& point, uint64_t count, double bound) {
    sample("_bucket", point, static_cast<double>(count), {"le", bound_text(bound)});
  }

  void write_total(const ClientMetric& point, uint64_t count, double sum) {
    sample("_count", point, static_cast<double>(count));
    sample("_sum", point, sum);
  }

  /// @param extra left out when it has no name
  void sample(std::string_view suffix, const ClientMetric& point, double value, label extra = {}) {
    auto labels = point.label;
    if (!extra.name.empty())
      labels.push_back(std::move(extra));
    std::sort(labels.begin(), labels.end());
    (out_ += name_) += suffix;
    auto mark = '{';
    for (const auto& [name, text] : labels) {
      (((out_ += mark) += name) += "=\"") += escaped(text, true);
      out_ += '"';
      mark = ',';
    }
    if (!labels.empty())
      out_ += '}';
    ((out_ += ' ') += number_text(value)) += '\n';
  }

  const MetricFamily& family_;
  bool open_, taken_;
  std::string_view name_;   // in headers
  std::string_view suffix_; // what samples of one value add to it
  std::string& out_;
};

/// Whether a counter's name without _total is that of another family.
bool is_taken(const std::vector<MetricFamily>& families, const MetricFamily& counter) {
  constexpr std::string_view suffix = "_total";
  std::string_view name = counter.name;
  if (counter.type != MetricType::Counter || !name.ends_with(suffix))
    return false;
  name.remove_suffix(suffix.size());
  return std::ranges::any_of(families, [&](const auto& other) { return other.name == name; });
}

} // namespace

std::string_view content_type_of(exposition_format format) {
  switch (format) {
    case exposition_format::text_0_0_4: return "text/plain; version=0.0.4; charset=utf-8";
    case exposition_format::text_1_0_0:
      return "text/plain; version=1.0.0; charset=utf-8; escaping=underscores";
    case exposition_format::open_metrics:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
  }
  return {};
}

std::string exposition(const std::vector<MetricFamily>& families, exposition_format format) {
  std::string result;
  for (const auto& family : families)
    family_writer{family, format, is_taken(families, family), result}.write();
  if (format == exposition_format::open_metrics)
    result += "# EOF\n";
  return result;
}

} // namespace actord
