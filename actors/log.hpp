// How every part of the daemon writes to its log.
#pragma once

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace actord {

/// Who speaks. Each has a logger, whose level can be changed at run time (GET /loglevel).
enum class log_part : uint8_t {
  daemon, // the root: whatever has no logger of its own
  server,
  zmq_gateway,
  http_gateway,
  event_bus,
  mp_server,
  l1,
  l2,
  storage_manager,
  blend,
  timeouts,
  requests,
  eviction,
  lookup_hashes,
  extra_stats,
  trace,
};

inline constexpr std::array<std::string_view, 16> log_part_names{
  "lmcache",
  "lmcache.server",
  "lmcache.zmq-gateway",
  "lmcache.http-gateway",
  "lmcache.event-bus",
  "lmcache.mp-server",
  "lmcache.l1",
  "lmcache.l2",
  "lmcache.storage-manager",
  "lmcache.blend",
  "lmcache.timeouts",
  "lmcache.requests",
  "lmcache.eviction",
  "lmcache.lookup-hashes",
  "lmcache.extra-stats",
  "lmcache.trace",
};
static_assert(log_part_names.size() == static_cast<size_t>(log_part::trace) + 1);

/// Where a record was written. Debian's clang has no std::source_location.
struct log_place {
  const char* file;
  int line;
  const char* function;

  static constexpr log_place here(const char* file = __builtin_FILE(), int line = __builtin_LINE(),
                                  const char* function = __builtin_FUNCTION()) {
    return {file, line, function};
  }
};

/// Never null, any thread.
spdlog::logger& logger_of(log_part who);

/// Writes one line at once. `request_id` ("": none) stands beside the message in JSON lines and
/// forwarded records. Any thread.
void log_record(log_part who, spdlog::level::level_enum level, std::string_view request_id,
                std::string_view text, log_place where = log_place::here());

/// The request that the record belongs to which this thread is writing right now; "": none. For
/// sinks and formatters.
std::string_view current_log_request() noexcept;

/// A format string that remembers where it stands.
template <class... Args>
struct log_format_text {
  template <class Text>
  consteval log_format_text(const Text& format, log_place at = log_place::here())
    : text(format), where(at) {
  }

  fmt::format_string<Args...> text;
  log_place where;
};

template <class... Args>
void log_with(log_part who, spdlog::level::level_enum level,
              const log_format_text<std::type_identity_t<Args>...>& format, Args&&... args) {
  if (logger_of(who).should_log(level))
    log_record(who, level, {}, fmt::format(format.text, std::forward<Args>(args)...), format.where);
}

template <class... Args>
void log_info(log_part who, log_format_text<std::type_identity_t<Args>...> format, Args&&... args) {
  log_with(who, spdlog::level::info, format, std::forward<Args>(args)...);
}

template <class... Args>
void log_warn(log_part who, log_format_text<std::type_identity_t<Args>...> format, Args&&... args) {
  log_with(who, spdlog::level::warn, format, std::forward<Args>(args)...);
}

template <class... Args>
void log_error(log_part who, log_format_text<std::type_identity_t<Args>...> format,
               Args&&... args) {
  log_with(who, spdlog::level::err, format, std::forward<Args>(args)...);
}

template <class... Args>
void log_critical(log_part who, log_format_text<std::type_identity_t<Args>...> format,
                  Args&&... args) {
  log_with(who, spdlog::level::critical, format, std::forward<Args>(args)...);
}

} // namespace actord
