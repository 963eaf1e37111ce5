#include "actors/log_formats.hpp"

#include "actors/log.hpp"
#include "actors/request_trace.hpp"

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

// Records come many a second: the text of a second is made once.
class second_text {
public:
  second_text(decltype(::gmtime_r)* convert, const char* format)
    : convert_(convert), format_(format) {
  }

  struct moment {
    std::string_view second;
    int ms = 0;
  };
  moment at(spdlog::log_clock::time_point when) {
    const auto second = spdlog::log_clock::to_time_t(when);
    if (text_.empty() || second != second_) {
      std::tm parts{};
      convert_(&second, &parts);
      char text[40];
      text_.assign(text, std::strftime(text, sizeof text, format_, &parts));
      second_ = second;
    }
    using std::chrono::milliseconds;
    const auto since = std::chrono::duration_cast<milliseconds>(when.time_since_epoch());
    return {text_, static_cast<int>(since.count() % 1000)};
  }

private:
  decltype(::gmtime_r)* convert_;
  const char* format_;
  std::time_t second_ = 0;
  std::string text_;
};

// As the peer writes it: YYYY-MM-DD HH:MM:SS,mmm. A formatter belongs to one sink, which locks.
constexpr auto local_format = "%Y-%m-%d %H:%M:%S", utc_format = "%Y-%m-%dT%H:%M:%S";

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
    const auto time = time_.at(record.time);
    fmt::format_to(fmt::appender(out), "[{},{:03}] LMCache {}:", time.second, time.ms, look.name);
    put(out, color_ ? "\033[0m " : " ");
    put(out, printable_lines(cut(record.payload)));
    put(out, color_ ? " \033[3m(" : " (");
    if (!record.source.empty())
      fmt::format_to(fmt::appender(out), "{}:{}:", source_file(record.source), record.source.line);
    put(out, logger);
    put(out, color_ ? ")\033[0m\n" : ")\n");
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<text_formatter>(color_);
  }

private:
  bool color_;
  second_text time_{::localtime_r, local_format};
};

class json_formatter final : public spdlog::formatter {
public:
  void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& out) override {
    const std::string logger{record.logger_name.data(), record.logger_name.size()};
    const auto time = time_.at(record.time);
    nlohmann::ordered_json line{{"time", fmt::format("{}.{:03}Z", time.second, time.ms)},
                                {"level", look_of(record.level).name},
                                {"logger", logger}};
    if (const auto dot = logger.find('.'); dot != std::string::npos)
      line["actor"] = logger.substr(dot + 1);
    line["message"] = cut(record.payload);
    if (const auto request = current_log_request(); !request.empty()) {
      line["request_id"] = cut(request, most_request_bytes);
      if (const auto trace = trace_of(request)) {
        line["trace_id"] = hex(trace->trace);
        line["span_id"] = hex(trace->span);
      }
    }
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

private:
  second_text time_{::gmtime_r, utc_format};
};

} // namespace

std::unique_ptr<spdlog::formatter> make_text_format(bool color) {
  return std::make_unique<text_formatter>(color);
}

std::unique_ptr<spdlog::formatter> make_json_format() {
  return std::make_unique<json_formatter>();
}

} // namespace actord
