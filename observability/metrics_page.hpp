// The page of the manual that lists the metrics.
#pragma once

#include <string>

namespace actord {

/// docs/METRICS.md as the table of metrics says it, in Markdown.
std::string metrics_page();

} // namespace actord
