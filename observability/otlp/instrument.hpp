// Metrics as OpenTelemetry names them.
#pragma once

#include "observability/metric_row.hpp"

#include <string>
#include <string_view>

namespace actord::otlp {

/// The name, unit (UCUM, "" for none) and scope under which values are pushed. A receiver that
/// exposes them to Prometheus by the rules of spec observability §2.1 arrives at the family that
/// /metrics shows.
struct instrument {
  std::string name;
  std::string_view unit;
  std::string_view scope;
};

/// Whether a row goes out: one whose OpenTelemetry name another has does not.
bool is_pushed(const metric_info& row);

/// The instrument of a row's family (spec observability §2.4).
instrument instrument_of(const metric_info& row);

/// The instrument of another name of a row: without a unit, for that would change the name, and in
/// a scope of its own, for 0.5.6 uses some of these names with a unit (spec observability §2.5).
instrument alias_instrument(const metric_info& row, std::string_view alias);

} // namespace actord::otlp
