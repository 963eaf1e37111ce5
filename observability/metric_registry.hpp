// Owns the cells behind the metrics, and answers scrapes from them.
#pragma once

#include "observability/metric_cells.hpp"
#include "observability/metric_table.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <array>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// Which families a scrape shows: every name; the names of the first release (where a metric has
/// one, else its own); or those of LMCache 0.5.6 (spec observability §0.4 C1).
enum class metric_names { all, seed, v056 };

using label_values = std::initializer_list<std::string_view>;

/// Takes the values that are read at a scrape, not counted.
class gauge_sink {
public:
  /// Of two values for the same labels the later holds; it also hides a cell of these labels.
  /// @param id a gauge or counter
  /// @param labels values in the order of the row's label names; an empty one leaves its label
  ///   out, and so do those missing at the end
  virtual void set(metric id, label_values labels, double value) = 0;

protected:
  ~gauge_sink() = default;
};

struct registry_options {
  metric_names names = metric_names::all;
  std::vector<std::string> drop_labels; // names of labels that are always left out
};

/// The series of one metric at one moment.
struct metric_reading {
  const metric_info* row; // static storage
  std::vector<prometheus::ClientMetric> points;
};

/// Safe for use from any thread, and so are its cells.
class metric_registry final : public prometheus::Collectable {
public:
  /// Label sets per metric; whatever comes beyond shares one series with the label
  /// otel_metric_overflow="true".
  static constexpr size_t label_set_limit = 2000;

  using options = registry_options;

  /// Counters and histograms without labels are there from the start, at 0.
  explicit metric_registry(options opts = {});

  metric_registry(const metric_registry&) = delete;
  metric_registry& operator=(const metric_registry&) = delete;

  /// Finds or creates a cell. It stays where it is as long as the registry, so that hot paths keep
  /// the reference: this call takes a lock.
  /// @param labels like gauge_sink::set
  counter_cell& counter(metric id, label_values labels = {});
  histogram_cell& histogram(metric id, label_values labels = {});

  /// Makes a series of known labels visible at 0 before anything is counted.
  void predeclare(metric id, label_values labels = {});

  /// @param source called at every scrape, one scrape at a time, until the registry is gone; must
  ///   not block, add sources or scrape
  void add_source(std::function<void(gauge_sink&)> source);

  /// Every metric that has a series, in the order of the table: one scrape.
  std::vector<metric_reading> read() const;

  /// The same under every name that the options ask for.
  std::vector<prometheus::MetricFamily> Collect() const override;

  metric_names names() const {
    return options_.names;
  }

private:
  using label_set = std::vector<std::string>; // the row's labels, "" for those left out
  template <class Cell>
  using series = std::map<label_set, Cell>; // its nodes never move

  struct sampled;

  label_set key_of(metric id, label_values labels) const;
  template <class Cell, class... Args>
  Cell& find(series<Cell>& cells, metric id, label_values labels, Args... args);
  std::vector<prometheus::ClientMetric>
  points_of(const metric_info& row, const series<double>& values) const;

  options options_;
  mutable std::mutex mutex_; // guards the maps, not the cells in them
  std::array<series<counter_cell>, metric_count> counters_;
  std::array<series<histogram_cell>, metric_count> histograms_;
  mutable std::mutex sources_mutex_;
  std::vector<std::function<void(gauge_sink&)>> sources_;
};

} // namespace actord
