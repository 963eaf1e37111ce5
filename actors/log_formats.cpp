#include "actors/log_formats.hpp"

#include "actors/log.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/details/log_msg.h>

#include <chrono>
#include <ctime>
#include <string>
#include <string_view>

namespace actord {

namespace {

// A record of more bytes is cut: some of them hold text from outside.
constexpr size_t most_message_bytes = 16 << 10, most_request_bytes = 256;

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

struct calendar_time {
  std::tm parts{};
  int ms = 0;
};

calendar_time calendar(spdlog::log_clock::time_point when, decltype(::gmtime_r)* convert) {
  using std::chrono::milliseconds;
  const auto seconds = spdlog::log_clock::to_time_t(when);
  const auto since = std::chrono::duration_cast<milliseconds>(when.time_since_epoch());
  calendar_time result;
  convert(&seconds, &result.parts);
  result.ms = static_cast<int>(since.count() % 1000);
  return result;
}

std::string date_text(const calendar_time& when, const char* format) {
  char text[40];
  return {text, std::strftime(text, sizeof text, format, &when.parts)};
}

// As the peer writes it: YYYY-MM-DD HH:MM:SS,mmm.
std::string local_time(spdlog::log_clock::time_point when) {
  const auto at = calendar(when, ::localtime_r);
  return date_text(at, "%Y-%m-%d %H:%M:%S") + fmt::format(",{:03}", at.ms);
}

std::string utc_time(spdlog::log_clock::time_point when) {
  const auto at = calendar(when, ::gmtime_r);
  return date_text(at, "%Y-%m-%dT%H:%M:%S") + fmt::format(".{:03}Z", at.ms);
}

std::string cut(std::string_view text, size_t most) {
  if (text.size() <= most)
    return std::string{text};
  return std::string{text.substr(0, most)} + fmt::format("... ({} bytes more)", text.size() - most);
}

std::string cut(spdlog::string_view_t text) {
  return cut({text.data(), text.size()}, most_message_bytes);
}

std::string printable_lines(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text)
    if (c == '\n')
      result += "\n  ";
    else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      result += c;
  while (result.ends_with("\n  "))
    result.resize(result.size() - 3);
  return result;
}

// The file without its folders.
std::string_view source_file(const spdlog::source_loc& where) {
  std::string_view path = where.filename;
  return path.substr(path.rfind('/') + 1);
}

void put(spdlog::memory_buf_t& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

class text_formatter final : public spdlog::formatter {
public:
  explicit text_formatter(bool color) : color_(color) {
  }

  void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& out) override {
    const auto look = look_of(record.level);
    const std::string_view logger{record.logger_name.data(), record.logger_name.size()};
    if (color_)
      put(out, look.color);
    put(out, fmt::format("[{}] LMCache {}:", local_time(record.time), look.name));
    put(out, color_ ? "\033[0m " : " ");
    put(out, printable_lines(cut(record.payload)));
    put(out, color_ ? " \033[3m(" : " (");
    if (!record.source.empty())
      put(out, fmt::format("{}:{}:", source_file(record.source), record.source.line));
    put(out, logger);
    put(out, color_ ? ")\033[0m\n" : ")\n");
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
    const std::string logger{record.logger_name.data(), record.logger_name.size()};
    nlohmann::ordered_json line{
      {"time", utc_time(record.time)}, {"level", look_of(record.level).name}, {"logger", logger}};
    if (const auto dot = logger.find('.'); dot != std::string::npos)
      line["actor"] = logger.substr(dot + 1);
    line["message"] = cut(record.payload);
    if (const auto request = current_log_request(); !request.empty())
      line["request_id"] = cut(request, most_request_bytes);
    if (!record.source.empty()) {
      line["file"] = source_file(record.source);
      line["line"] = record.source.line;
    }
    // Invalid UTF-8 from outside is replaced, never thrown about.
    put(out, line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<json_formatter>();
  }
};

} // namespace

std::unique_ptr<spdlog::formatter> make_text_format(bool color) {
  return std::make_unique<text_formatter>(color);
}

std::unique_ptr<spdlog::formatter> make_json_format() {
  return std::make_unique<json_formatter>();
}

} // namespace actord
