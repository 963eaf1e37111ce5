// What one row of the table of metrics says.
#pragma once

#include "observability/metric.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>

namespace actord {

/// A few names in static storage.
class name_list {
public:
  static constexpr size_t limit = 4;

  constexpr name_list(std::initializer_list<std::string_view> names) : count_(names.size()) {
    std::copy(names.begin(), names.end(), names_.begin());
  }

  constexpr const std::string_view* begin() const {
    return names_.data();
  }
  constexpr const std::string_view* end() const {
    return names_.data() + count_;
  }
  constexpr size_t size() const {
    return count_;
  }
  constexpr std::string_view operator[](size_t i) const {
    return names_[i];
  }

private:
  std::array<std::string_view, limit> names_;
  size_t count_ = 0;
};

enum class metric_kind { counter, gauge, histogram };

/// Which names know a metric: LMCache 0.5.6, only the first release (seed), or only this daemon.
enum class metric_origin { v056, seed, added };

/// Upper bounds of a histogram: spec observability §2.3; `throughput` is `d` with finer steps where
/// GPUs and disks are, `latency` is for requests.
enum class bounds_id { none, d, l1, e, throughput, latency };

/// @return inclusive, ascending, without +Inf, static storage; empty for `none`
std::span<const double> bounds_of(bounds_id id);

struct metric_info {
  metric id;
  metric_kind kind;
  std::string_view family; // counters end in _total
  name_list labels;
  name_list aliases; // families of the same samples under other names
  bounds_id bounds;
  metric_origin origin;
  std::string_view help;
};

constexpr metric_info
counter_row(metric id, std::string_view family, name_list labels, std::string_view help,
            name_list aliases = {}, metric_origin origin = metric_origin::v056) {
  return {id, metric_kind::counter, family, labels, aliases, bounds_id::none, origin, help};
}
constexpr metric_info
gauge_row(metric id, std::string_view family, name_list labels, std::string_view help,
          name_list aliases = {}, metric_origin origin = metric_origin::v056) {
  return {id, metric_kind::gauge, family, labels, aliases, bounds_id::none, origin, help};
}
constexpr metric_info histogram_row(metric id, std::string_view family, name_list labels,
                                    bounds_id bounds, std::string_view help, name_list aliases = {},
                                    metric_origin origin = metric_origin::v056) {
  return {id, metric_kind::histogram, family, labels, aliases, bounds, origin, help};
}

} // namespace actord
