#include "observability/otlp/encode_metrics.hpp"

#include "observability/otlp/instrument.hpp"
#include "observability/otlp/wire_values.hpp"

#include <metrics_service.pb.h>

#include <cmath>
#include <utility>

namespace actord::otlp {

namespace {

namespace wire = opentelemetry::proto::metrics::v1;
using prometheus::ClientMetric;
using export_request = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

// Tags and lengths around a message that lies in another, at most.
constexpr size_t nesting_bytes = 16;

bool is_whole(double value) {
  constexpr double limit = 9007199254740992; // 2^53: beyond, not every integer is a double
  return value >= -limit && value <= limit && std::trunc(value) == value;
}

template <class Point>
void put_labels(Point& to, const ClientMetric& from) {
  for (const auto& [name, value] : from.label) {
    auto& attribute = *to.add_attributes();
    if (name == "otel_metric_overflow") {
      attribute.set_key("otel.metric.overflow");
      attribute.mutable_value()->set_bool_value(true);
    } else {
      put(attribute, name, value);
    }
  }
}

/// Fills requests point by point; whatever a point lies in is opened again in each request.
class metrics_writer {
public:
  metrics_writer(const metrics_origin& origin, int64_t now_ns, size_t limit_bytes)
    : resource_(to_wire(origin.resource)), start_ns_(static_cast<uint64_t>(origin.start_ns)),
      now_ns_(static_cast<uint64_t>(now_ns)), limit_bytes_(limit_bytes) {
  }

  void write(const metric_reading& reading, const instrument& what) {
    what_ = &what;
    row_ = reading.row;
    metric_ = nullptr;
    if (what.scope != scope_name_)
      scope_ = nullptr;
    for (const auto& point : reading.points) {
      if (row_->kind == metric_kind::histogram)
        add(histogram_point(point));
      else
        add(number_point(point));
    }
  }

  requests finish() {
    flush();
    return std::move(result_);
  }

private:
  wire::NumberDataPoint number_point(const ClientMetric& from) const {
    wire::NumberDataPoint result;
    result.set_time_unix_nano(now_ns_);
    if (row_->kind == metric_kind::gauge) {
      result.set_as_double(from.gauge.value);
    } else {
      const auto value = from.counter.value;
      result.set_start_time_unix_nano(start_ns_);
      if (what_->unit != "s" && is_whole(value))
        result.set_as_int(static_cast<int64_t>(value));
      else
        result.set_as_double(value);
    }
    put_labels(result, from);
    return result;
  }

  wire::HistogramDataPoint histogram_point(const ClientMetric& from) const {
    wire::HistogramDataPoint result;
    result.set_start_time_unix_nano(start_ns_);
    result.set_time_unix_nano(now_ns_);
    result.set_count(from.histogram.sample_count);
    result.set_sum(from.histogram.sample_sum);
    uint64_t below = 0;
    for (const auto& bucket : from.histogram.bucket) {
      result.add_bucket_counts(bucket.cumulative_count
                               - std::exchange(below, bucket.cumulative_count));
      if (std::isfinite(bucket.upper_bound))
        result.add_explicit_bounds(bucket.upper_bound);
    }
    put_labels(result, from);
    return result;
  }

  template <class Point>
  void add(Point point) {
    const auto size = point.ByteSizeLong() + nesting_bytes;
    if (items_ > 0 && size_ + opening_bytes() + size > limit_bytes_)
      flush();
    if (size_ + opening_bytes() + size > limit_bytes_) {
      ++result_.oversized;
      return;
    }
    open();
    size_ += size;
    ++items_;
    if constexpr (std::is_same_v<Point, wire::HistogramDataPoint>)
      *metric_->mutable_histogram()->add_data_points() = std::move(point);
    else if (row_->kind == metric_kind::gauge)
      *metric_->mutable_gauge()->add_data_points() = std::move(point);
    else
      *metric_->mutable_sum()->add_data_points() = std::move(point);
  }

  /// What open() would add.
  size_t opening_bytes() const {
    size_t result = 0;
    if (items_ == 0)
      result += resource_.ByteSizeLong() + nesting_bytes;
    if (scope_ == nullptr)
      result += what_->scope.size() + 2 * nesting_bytes;
    if (metric_ == nullptr)
      result += what_->name.size() + what_->unit.size() + row_->help.size() + 3 * nesting_bytes;
    return result;
  }

  void open() {
    size_ += opening_bytes();
    if (items_ == 0)
      *message_.add_resource_metrics()->mutable_resource() = resource_;
    if (scope_ == nullptr) {
      scope_ = message_.mutable_resource_metrics(0)->add_scope_metrics();
      scope_->mutable_scope()->set_name(std::string(what_->scope));
      scope_name_ = what_->scope;
    }
    if (metric_ == nullptr)
      open_metric();
  }

  void open_metric() {
    metric_ = scope_->add_metrics();
    metric_->set_name(what_->name);
    metric_->set_description(std::string(row_->help));
    metric_->set_unit(std::string(what_->unit));
    if (row_->kind == metric_kind::histogram)
      metric_->mutable_histogram()->set_aggregation_temporality(
        wire::AGGREGATION_TEMPORALITY_CUMULATIVE);
    if (row_->kind != metric_kind::counter)
      return;
    metric_->mutable_sum()->set_aggregation_temporality(wire::AGGREGATION_TEMPORALITY_CUMULATIVE);
    metric_->mutable_sum()->set_is_monotonic(true);
  }

  void flush() {
    if (items_ > 0)
      result_.ready.push_back({message_.SerializeAsString(), items_});
    message_.Clear();
    scope_ = nullptr;
    metric_ = nullptr;
    size_ = items_ = 0;
  }

  opentelemetry::proto::resource::v1::Resource resource_;
  uint64_t start_ns_, now_ns_;
  size_t limit_bytes_;
  requests result_;
  const instrument* what_ = nullptr; // the metric that is being written
  const metric_info* row_ = nullptr;
  export_request message_;              // the request that is being filled
  wire::ScopeMetrics* scope_ = nullptr; // the last of message_; null: to be opened
  std::string_view scope_name_;
  wire::Metric* metric_ = nullptr; // the last of scope_; null: to be opened
  size_t size_ = 0, items_ = 0;
};

} // namespace

requests encode_metrics(std::span<const metric_reading> readings, const metrics_origin& origin,
                        int64_t now_ns, size_t limit_bytes) {
  metrics_writer writer{origin, now_ns, limit_bytes};
  const auto seed = origin.names != metric_names::v056;
  for (const auto& reading : readings) {
    const auto& row = *reading.row;
    if (!is_pushed(row))
      continue;
    const auto own = origin.names != metric_names::seed || row.aliases.size() == 0;
    if (own && (seed || row.origin != metric_origin::seed))
      writer.write(reading, instrument_of(row));
    for (auto alias : row.aliases)
      if (seed)
        writer.write(reading, alias_instrument(row, alias));
  }
  return writer.finish();
}

} // namespace actord::otlp
