#include "observability/metric_table.hpp"

#include "observability/metric_rows_blend.hpp"
#include "observability/metric_rows_service.hpp"
#include "observability/metric_rows_storage.hpp"

#include <utility>

namespace actord {

namespace {

template <size_t... Sizes>
constexpr auto concatenate(const std::array<metric_info, Sizes>&... parts) {
  auto none = metric_info{metric{},        metric_kind::counter, "", {}, {},
                          bounds_id::none, metric_origin::v056,  ""};
  auto fill = [&]<size_t... I>(std::index_sequence<I...>) {
    return std::array{((void)I, none)...};
  };
  auto result = fill(std::make_index_sequence<(Sizes + ...)>());
  auto out = result.begin();
  ((out = std::copy(parts.begin(), parts.end(), out)), ...);
  return result;
}

constexpr auto table = concatenate(storage_rows, service_rows, seed_rows, blend_rows);

constexpr bool in_order() {
  for (size_t i = 0; i < table.size(); ++i)
    if (table[i].id != static_cast<metric>(i))
      return false;
  return table.size() == metric_count;
}
static_assert(in_order(), "rows and enumeration of metrics differ");

constexpr double d_bounds[]
  = {0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000};
constexpr double l1_bounds[] = {1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400};
constexpr double e_bounds[] = {1, 5, 15, 30, 60, 120, 300};
constexpr double throughput_bounds[]
  = {0,  0.1, 0.25, 0.5, 1,  1.5, 2,   3,   4,   5,    6,    8,    10,   12.5,
     15, 20,  25,   50,  75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000};
constexpr double latency_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                     0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

} // namespace

const metric_info& info(metric id) {
  return table[static_cast<size_t>(id)];
}

std::span<const metric_info> metric_table() {
  return table;
}

std::span<const double> bounds_of(bounds_id id) {
  switch (id) {
    case bounds_id::none: return {};
    case bounds_id::d: return d_bounds;
    case bounds_id::l1: return l1_bounds;
    case bounds_id::e: return e_bounds;
    case bounds_id::throughput: return throughput_bounds;
    case bounds_id::latency: return latency_bounds;
  }
  return {};
}

} // namespace actord
