#include "actors/logging.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include <unistd.h>

namespace actord {

namespace {

struct level_look {
  std::string_view name, color;
};

level_look look_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug: return {"DEBUG", "\033[1m"};
    case spdlog::level::warn: return {"WARNING", "\033[33;20m"};
    case spdlog::level::err: return {"ERROR", "\033[31;20m"};
    case spdlog::level::critical: return {"CRITICAL", "\033[31;1m"};
    default: return {"INFO", "\033[32;20m"};
  }
}

// Local time as the peer writes it: YYYY-MM-DD HH:MM:SS,mmm.
std::string time_text(spdlog::log_clock::time_point when) {
  const auto seconds = spdlog::log_clock::to_time_t(when);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch());
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char date[32], text[48];
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s,%03d", date, static_cast<int>(ms.count() % 1000));
  return text;
}

std::string_view view(spdlog::string_view_t text) {
  return {text.data(), text.size()};
}

class text_formatter final : public spdlog::formatter {
public:
  explicit text_formatter(bool color) : color_(color) {
  }

  void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& out) override {
    auto put = [&](std::string_view text) { out.append(text.data(), text.data() + text.size()); };
    const auto look = look_of(record.level);
    if (color_)
      put(look.color);
    put("[");
    put(time_text(record.time));
    put("] LMCache ");
    put(look.name);
    put(color_ ? ":\033[0m " : ": ");
    put(view(record.payload));
    put("\n");
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<text_formatter>(color_);
  }

private:
  bool color_;
};

class json_formatter final : public spdlog::formatter {
public:
  void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& out) override {
    nlohmann::ordered_json line{{"time", time_text(record.time)},
                                {"level", look_of(record.level).name},
                                {"message", view(record.payload)}};
    // Invalid UTF-8 from outside is replaced, never thrown about.
    auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<json_formatter>();
  }
};

bool wants_color() {
  const char* wish = std::getenv("LMCACHE_LOG_COLOR");
  const std::string_view mode = wish ? wish : "auto";
  return mode == "always" || (mode != "never" && ::isatty(STDERR_FILENO) == 1);
}

} // namespace

void start_logging(const observability_options& options) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  if (options.format == log_format::json)
    sink->set_formatter(std::make_unique<json_formatter>());
  else
    sink->set_formatter(std::make_unique<text_formatter>(wants_color()));
  auto logger = std::make_shared<spdlog::logger>("lmcache", std::move(sink));
  spdlog::set_default_logger(std::move(logger));
  set_log_level(options.level);
}

void set_log_level(log_level level) {
  switch (level) {
    case log_level::debug: return spdlog::set_level(spdlog::level::debug);
    case log_level::info: return spdlog::set_level(spdlog::level::info);
    case log_level::warning: return spdlog::set_level(spdlog::level::warn);
    case log_level::error: return spdlog::set_level(spdlog::level::err);
    case log_level::critical: return spdlog::set_level(spdlog::level::critical);
  }
}

} // namespace actord
