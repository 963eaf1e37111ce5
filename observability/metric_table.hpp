// Every metric of the daemon: names, labels, bounds and meaning.
#pragma once

#include "observability/metric_row.hpp"

#include <span>

namespace actord {

/// The names and kinds are those of LMCache 0.5.6 with the other spellings that dashboards use
/// (spec observability §2.4, §2.5).
const metric_info& info(metric id);

/// All rows, in the order of the enumeration.
std::span<const metric_info> metric_table();

} // namespace actord
