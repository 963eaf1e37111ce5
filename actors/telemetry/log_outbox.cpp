#include "actors/telemetry/log_outbox.hpp"

#include "actors/log.hpp"
#include "actors/request_trace.hpp"

#include <algorithm>
#include <chrono>

namespace actord {

namespace {

thread_local bool muted = false;

otlp::severity severity_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug: return otlp::severity::debug;
    case spdlog::level::warn: return otlp::severity::warning;
    case spdlog::level::err: return otlp::severity::error;
    case spdlog::level::critical: return otlp::severity::critical;
    default: return otlp::severity::info;
  }
}

} // namespace

std::vector<otlp::log_record> log_outbox::take() {
  return inbox_.take_all();
}

void log_outbox::mute_this_thread() {
  muted = true;
}

void log_outbox::log(const spdlog::details::log_msg& record) {
  if (muted)
    return;
  const auto since = record.time.time_since_epoch();
  const auto length = std::min(record.payload.size(), text_limit_bytes);
  const auto waiting
    = inbox_.push({std::chrono::duration_cast<std::chrono::nanoseconds>(since).count(),
                   severity_of(record.level),
                   {record.payload.data(), length},
                   {record.logger_name.data(), record.logger_name.size()},
                   std::string(current_log_request().substr(0, text_limit_bytes)),
                   trace_of(current_log_request())});
  if (waiting == 1 || waiting == batch)
    wake_(waiting == batch);
}

} // namespace actord
