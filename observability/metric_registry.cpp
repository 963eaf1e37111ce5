#include "observability/metric_registry.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace actord {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::string_view overflow_label = "otel_metric_overflow";

size_t index_of(metric id) {
  return static_cast<size_t>(id);
}

MetricType type_of(metric_kind kind) {
  switch (kind) {
    case metric_kind::counter: return MetricType::Counter;
    case metric_kind::gauge: return MetricType::Gauge;
    case metric_kind::histogram: return MetricType::Histogram;
  }
  return MetricType::Untyped;
}

/// The overflow series is the one with a value more than its row has labels.
bool is_overflow(const std::vector<std::string>& values, const metric_info& row) {
  return values.size() > row.labels.size();
}

ClientMetric labelled(const metric_info& row, const std::vector<std::string>& values) {
  ClientMetric result;
  if (is_overflow(values, row)) {
    result.label.push_back({std::string(overflow_label), "true"});
    return result;
  }
  for (size_t i = 0; i < values.size(); ++i)
    if (!values[i].empty())
      result.label.push_back({std::string(row.labels[i]), values[i]});
  std::sort(result.label.begin(), result.label.end());
  return result;
}

/// The total is that of the buckets, so that a scrape amid an observation is still in itself
/// consistent.
ClientMetric::Histogram read_cell(const histogram_cell& cell) {
  ClientMetric::Histogram result;
  auto counts = cell.counts();
  auto bounds = cell.bounds();
  for (size_t i = 0; i < counts.size(); ++i) {
    result.sample_count += counts[i];
    auto bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    result.bucket.push_back({result.sample_count, bound});
  }
  result.sample_sum = cell.sum();
  return result;
}

std::vector<std::string_view> families_of(const metric_info& row, metric_names names) {
  std::vector<std::string_view> result;
  auto seed = names != metric_names::v056;
  if (names != metric_names::seed || row.aliases.size() == 0)
    if (seed || row.origin != metric_origin::seed)
      result.push_back(row.family);
  if (seed)
    result.insert(result.end(), row.aliases.begin(), row.aliases.end());
  return result;
}

} // namespace

/// What the sources said at one scrape.
struct metric_registry::sampled final : gauge_sink {
  explicit sampled(const metric_registry& owner) : registry(owner) {
  }

  void set(metric id, label_values labels, double value) override {
    assert(info(id).kind != metric_kind::histogram);
    auto key = registry.key_of(id, labels);
    auto& known = values[index_of(id)];
    if (known.size() >= label_set_limit && !known.contains(key))
      key.assign(info(id).labels.size() + 1, {});
    known[std::move(key)] = value;
  }

  const metric_registry& registry;
  std::array<series<double>, metric_count> values;
};

metric_registry::metric_registry(options opts) : options_(std::move(opts)) {
  for (const auto& row : metric_table())
    if (row.labels.size() == 0)
      predeclare(row.id);
}

metric_registry::label_set metric_registry::key_of(metric id, label_values labels) const {
  const auto& names = info(id).labels;
  assert(labels.size() <= names.size());
  label_set result(names.size());
  size_t i = 0;
  for (auto value : labels) {
    const auto& dropped = options_.drop_labels;
    if (std::find(dropped.begin(), dropped.end(), names[i]) == dropped.end())
      result[i] = value;
    ++i;
  }
  return result;
}

template <class Cell, class... Args>
Cell& metric_registry::find(series<Cell>& cells, metric id, label_values labels, Args... args) {
  auto key = key_of(id, labels);
  std::lock_guard lock{mutex_};
  if (cells.size() >= label_set_limit && !cells.contains(key))
    key.assign(info(id).labels.size() + 1, {});
  return cells.try_emplace(std::move(key), args...).first->second;
}

counter_cell& metric_registry::counter(metric id, label_values labels) {
  assert(info(id).kind == metric_kind::counter);
  return find(counters_[index_of(id)], id, labels);
}

histogram_cell& metric_registry::histogram(metric id, label_values labels) {
  assert(info(id).kind == metric_kind::histogram);
  return find(histograms_[index_of(id)], id, labels, bounds_of(info(id).bounds));
}

void metric_registry::predeclare(metric id, label_values labels) {
  if (info(id).kind == metric_kind::counter)
    counter(id, labels);
  else if (info(id).kind == metric_kind::histogram)
    histogram(id, labels);
}

void metric_registry::add_source(std::function<void(gauge_sink&)> source) {
  std::lock_guard lock{sources_mutex_};
  sources_.push_back(std::move(source));
}

std::vector<metric_reading> metric_registry::read() const {
  sampled samples{*this};
  {
    std::lock_guard lock{sources_mutex_};
    for (const auto& source : sources_)
      source(samples);
  }
  std::vector<metric_reading> result;
  std::lock_guard lock{mutex_};
  for (const auto& row : metric_table())
    if (auto points = points_of(row, samples.values[index_of(row.id)]); !points.empty())
      result.push_back({&row, std::move(points)});
  return result;
}

std::vector<MetricFamily> metric_registry::Collect() const {
  std::vector<MetricFamily> result;
  for (auto& [row, points] : read()) {
    MetricFamily family{{}, std::string(row->help), type_of(row->kind), std::move(points)};
    for (auto name : families_of(*row, options_.names)) {
      family.name = name;
      result.push_back(family);
    }
  }
  return result;
}

std::vector<ClientMetric>
metric_registry::points_of(const metric_info& row, const series<double>& values) const {
  std::vector<ClientMetric> result;
  for (const auto& [labels, value] : values) {
    auto& point = result.emplace_back(labelled(row, labels));
    (row.kind == metric_kind::counter ? point.counter.value : point.gauge.value) = value;
  }
  for (const auto& [labels, cell] : counters_[index_of(row.id)])
    if (!values.contains(labels))
      result.emplace_back(labelled(row, labels)).counter.value = cell.value();
  for (const auto& [labels, cell] : histograms_[index_of(row.id)])
    result.emplace_back(labelled(row, labels)).histogram = read_cell(cell);
  return result;
}

} // namespace actord
