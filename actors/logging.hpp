// Where the daemon's log goes and how its lines look.
#pragma once

#include "runtime/options/daemon_options.hpp"

namespace actord {

/// Sets spdlog's default logger: stderr, one line per record, as text or JSON (spec observability
/// §4.1).
void start_logging(const observability_options& options);

/// Changes the level at run time. Any thread.
void set_log_level(log_level level);

} // namespace actord
