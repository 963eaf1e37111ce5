// Where the daemon's log goes, and how much of it.
#pragma once

#include "actors/log_writer.hpp"
#include "runtime/options/daemon_options.hpp"

#include <spdlog/sinks/sink.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace actord {

/// From now on spdlog and all loggers write to standard error, as text or JSON (spec observability
/// §4.1), through a thread of their own. Throws std::system_error when that cannot start.
void start_logging(const observability_options& options);

/// Waits until everything is written; not for a reader that reads nothing.
void flush_log();
/// The same, and ends the thread. What is logged afterwards is lost.
void finish_logging();

/// Writes a line of the access log to standard output, which is that thread's work, too; directly
/// while it does not run. @param line with its line end
void write_access_line(std::string line);

/// What became of the lines of a stream so far; nothing is counted without a started log. Any
/// thread.
log_counts log_lines_counted(log_writer::stream of);

/// Every record of every logger also goes there, until it is removed or the log starts anew. Any
/// thread. Sinks are called one at a time by the threads that log, so they must not wait;
/// `current_log_request` (actors/log.hpp) tells them whose record it is.
void add_log_sink(spdlog::sink_ptr sink);
void remove_log_sink(spdlog::sink_ptr sink);

/// A logger by name: those of actors/log.hpp; the Python server's (lmcache.v1...) and `root` mean
/// the root, `lmcache`. Nothing: there is none. Any thread.
std::optional<log_level> logger_level(std::string_view name);
/// The level of the root is that of all others, too. Returns whether there is such a logger.
bool set_logger_level(std::string_view name, log_level level);
/// All of them, the root first.
std::vector<std::pair<std::string, log_level>> logger_levels();

} // namespace actord
