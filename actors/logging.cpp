#include "actors/logging.hpp"

#include "actors/log.hpp"
#include "actors/log_formats.hpp"

#include <spdlog/details/log_msg.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include <unistd.h>

namespace actord {

namespace {

// A reader that is slow may still read; one that has stopped must not hold the end up.
constexpr auto patience = std::chrono::seconds(1);

thread_local std::string_view request_of_this_thread;

spdlog::level::level_enum spdlog_level(log_level level) {
  switch (level) {
    case log_level::debug: return spdlog::level::debug;
    case log_level::info: return spdlog::level::info;
    case log_level::warning: return spdlog::level::warn;
    case log_level::error: return spdlog::level::err;
    case log_level::critical: return spdlog::level::critical;
  }
  return spdlog::level::info;
}

log_level level_of(const spdlog::logger& logger) {
  switch (logger.level()) {
    case spdlog::level::trace:
    case spdlog::level::debug: return log_level::debug;
    case spdlog::level::info: return log_level::info;
    case spdlog::level::warn: return log_level::warning;
    case spdlog::level::err: return log_level::error;
    default: return log_level::critical;
  }
}

// One logger per part, and the sinks that all of them share. Lives as long as the process.
struct all_loggers {
  all_loggers() : sinks(std::make_shared<spdlog::sinks::dist_sink_mt>()) {
    for (auto name : log_part_names)
      parts.push_back(std::make_shared<spdlog::logger>(std::string{name}, sinks));
  }

  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks;
  std::vector<std::shared_ptr<spdlog::logger>> parts; // in the order of log_part
  std::mutex mutex;                                   // of `writer`
  std::shared_ptr<log_writer> writer;

  std::shared_ptr<log_writer> current_writer() {
    std::lock_guard lock{mutex};
    return writer;
  }
};

all_loggers& loggers() {
  static all_loggers all;
  return all;
}

// Finished lines for the writer. The lock of the sink that holds it is its lock, too.
class writer_sink final : public spdlog::sinks::sink {
public:
  writer_sink(std::shared_ptr<log_writer> to, std::unique_ptr<spdlog::formatter> format)
    : to_(std::move(to)), format_(std::move(format)) {
  }

  void log(const spdlog::details::log_msg& record) override {
    spdlog::memory_buf_t line;
    format_->format(record, line);
    to_->write(log_writer::stream::error, {line.data(), line.size()});
  }
  void flush() override {
  }
  void set_pattern(const std::string&) override {
  }
  void set_formatter(std::unique_ptr<spdlog::formatter> format) override {
    format_ = std::move(format);
  }

private:
  std::shared_ptr<log_writer> to_;
  std::unique_ptr<spdlog::formatter> format_;
};

bool wants_color() {
  const char* wish = std::getenv("LMCACHE_LOG_COLOR");
  const std::string_view mode = wish ? wish : "auto";
  return mode == "always" || (mode != "never" && ::isatty(STDERR_FILENO) == 1);
}

std::unique_ptr<spdlog::formatter> format_for(log_format format) {
  return format == log_format::json ? make_json_format() : make_text_format(wants_color());
}

std::string gap_line(log_format format, uint64_t lines) {
  const auto text
    = fmt::format("{} log lines were discarded: standard error is not read fast enough", lines);
  spdlog::memory_buf_t line;
  format_for(format)->format({log_part_names[0], spdlog::level::warn, text}, line);
  return {line.data(), line.size()};
}

spdlog::logger* find_logger(std::string_view name) {
  auto& parts = loggers().parts;
  if (name == "root" || name.starts_with("lmcache.v1"))
    return parts[0].get();
  for (const auto& each : parts)
    if (each->name() == name)
      return each.get();
  return nullptr;
}

} // namespace

spdlog::logger& logger_of(log_part who) {
  return *loggers().parts[static_cast<size_t>(who)];
}

void log_record(log_part who, spdlog::level::level_enum level, std::string_view request_id,
                std::string_view text, log_place where) {
  request_of_this_thread = request_id;
  logger_of(who).log({where.file, where.line, where.function}, level,
                     spdlog::string_view_t{text.data(), text.size()});
  request_of_this_thread = {};
}

std::string_view current_log_request() noexcept {
  return request_of_this_thread;
}

void start_logging(const observability_options& options) {
  auto& all = loggers();
  const auto format = options.format;
  auto writer
    = std::make_shared<log_writer>(STDERR_FILENO, STDOUT_FILENO, log_limits{},
                                   [format](uint64_t lines) { return gap_line(format, lines); });
  all.sinks->set_sinks({std::make_shared<writer_sink>(writer, format_for(format))});
  {
    std::lock_guard lock{all.mutex};
    all.writer = std::move(writer);
  }
  spdlog::set_default_logger(all.parts[0]);
  set_logger_level("lmcache", options.level);
}

void flush_log() {
  if (auto writer = loggers().current_writer())
    writer->flush(patience);
}

void finish_logging() {
  if (auto writer = loggers().current_writer())
    writer->close(patience);
}

void write_access_line(std::string line) {
  if (auto writer = loggers().current_writer())
    writer->write(log_writer::stream::output, std::move(line));
  else
    std::fwrite(line.data(), 1, line.size(), stdout);
}

log_counts log_lines_counted(log_writer::stream of) {
  auto writer = loggers().current_writer();
  return writer ? writer->counts(of) : log_counts{};
}

void add_log_sink(spdlog::sink_ptr sink) {
  loggers().sinks->add_sink(std::move(sink));
}

void remove_log_sink(spdlog::sink_ptr sink) {
  loggers().sinks->remove_sink(std::move(sink));
}

std::optional<log_level> logger_level(std::string_view name) {
  const auto* logger = find_logger(name);
  return logger ? std::optional{level_of(*logger)} : std::nullopt;
}

bool set_logger_level(std::string_view name, log_level level) {
  auto* logger = find_logger(name);
  if (!logger)
    return false;
  logger->set_level(spdlog_level(level));
  if (logger == loggers().parts[0].get())
    for (const auto& each : loggers().parts)
      each->set_level(spdlog_level(level));
  return true;
}

std::vector<std::pair<std::string, log_level>> logger_levels() {
  std::vector<std::pair<std::string, log_level>> result;
  for (const auto& each : loggers().parts)
    result.emplace_back(each->name(), level_of(*each));
  return result;
}

} // namespace actord
