#include "actors/logging.hpp"

#include "actors/log.hpp"
#include "actors/log_formats.hpp"
#include "actors/log_limit.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <spdlog/details/log_msg.h>

#include <cstdlib>
#include <ctime>

using namespace actord;
using json = nlohmann::ordered_json;

namespace {

std::string text_of(const spdlog::memory_buf_t& buffer) {
  return {buffer.data(), buffer.size()};
}

// 2024-11-24 04:07:14.005 UTC
const spdlog::log_clock::time_point then{std::chrono::milliseconds(1732421234005)};

std::string formatted(spdlog::formatter& format, std::string_view logger, std::string_view payload,
                      spdlog::level::level_enum level = spdlog::level::warn, bool located = true) {
  spdlog::details::log_msg record{
    then, located ? spdlog::source_loc{"/a/b/file.cpp", 12, "f"} : spdlog::source_loc{},
    spdlog::string_view_t{logger.data(), logger.size()}, level,
    spdlog::string_view_t{payload.data(), payload.size()}};
  spdlog::memory_buf_t out;
  format.format(record, out);
  return text_of(out);
}

struct utc {
  utc() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

// Keeps the lines that pass the levels; puts everything back afterwards.
class listening final : public spdlog::sinks::sink, public std::enable_shared_from_this<listening> {
public:
  void log(const spdlog::details::log_msg& record) override {
    spdlog::memory_buf_t out;
    format_->format(record, out);
    lines.push_back(json::parse(text_of(out)));
  }
  void flush() override {
  }
  void set_pattern(const std::string&) override {
  }
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {
  }

  std::vector<json> lines;

private:
  std::unique_ptr<spdlog::formatter> format_ = make_json_format();
};

struct log_fixture {
  log_fixture() {
    add_log_sink(heard);
    set_logger_level("lmcache", log_level::info);
  }
  ~log_fixture() {
    remove_log_sink(heard);
    set_logger_level("lmcache", log_level::info);
  }

  std::shared_ptr<listening> heard = std::make_shared<listening>();
};

} // namespace

TEST_CASE_FIXTURE(utc, "a line of text looks as scripts know it") {
  auto plain = make_text_format(false);
  CHECK(formatted(*plain, "lmcache.l1", "hello")
        == "[2024-11-24 04:07:14,005] LMCache WARNING: hello (file.cpp:12:lmcache.l1)\n");
  CHECK(formatted(*plain, "lmcache", "hello", spdlog::level::info, false)
        == "[2024-11-24 04:07:14,005] LMCache INFO: hello (lmcache)\n");
  const std::pair<spdlog::level::level_enum, const char*> looks[]
    = {{spdlog::level::debug, "\033[1m[2024-11-24 04:07:14,005] LMCache DEBUG:"},
       {spdlog::level::info, "\033[32;20m[2024-11-24 04:07:14,005] LMCache INFO:"},
       {spdlog::level::warn, "\033[33;20m[2024-11-24 04:07:14,005] LMCache WARNING:"},
       {spdlog::level::err, "\033[31;20m[2024-11-24 04:07:14,005] LMCache ERROR:"},
       {spdlog::level::critical, "\033[31;1m[2024-11-24 04:07:14,005] LMCache CRITICAL:"}};
  for (const auto& [level, start] : looks)
    CHECK(formatted(*make_text_format(true), "lmcache.l1", "x", level)
          == std::string{start} + "\033[0m x \033[3m(file.cpp:12:lmcache.l1)\033[0m\n");
}

TEST_CASE_FIXTURE(utc, "text from outside forges no line and no color") {
  const auto line
    = formatted(*make_text_format(false), "lmcache", "a\n[2024] LMCache\r\033[31m\x7f");
  CHECK(line
        == "[2024-11-24 04:07:14,005] LMCache WARNING: a\n  [2024] LMCache\\x0d\\x1b[31m\\x7f "
           "(file.cpp:12:lmcache)\n");
}

TEST_CASE("a line of JSON is one object whatever the message holds") {
  auto format = make_json_format();
  const auto line = formatted(*format, "lmcache.l1", "quote \" line\n bad \xff\xfe end");
  CHECK(line.find('\n') == line.size() - 1);
  const auto read = json::parse(line);
  CHECK(read
        == json{{"time", "2024-11-24T04:07:14.005Z"},
                {"level", "WARNING"},
                {"logger", "lmcache.l1"},
                {"actor", "l1"},
                {"message", "quote \" line\n bad \ufffd\ufffd end"},
                {"file", "file.cpp"},
                {"line", 12}});
  const auto bare = json::parse(formatted(*format, "lmcache", "", spdlog::level::info, false));
  CHECK(bare.size() == 4); // no actor, no request, no place
}

TEST_CASE("a message of any length makes a line of bounded length") {
  for (const auto& format : {make_text_format(false).release(), make_json_format().release()}) {
    std::unique_ptr<spdlog::formatter> owned{format};
    const auto line = formatted(*owned, "lmcache", std::string(1 << 20, 'x'));
    CHECK(line.size() < 20'000);
    CHECK(line.find("... (1032192 bytes more)") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(log_fixture, "a record carries its request and its place") {
  log_record(log_part::requests, spdlog::level::info, "req-1", "Stored 1 tokens");
  log_warn(log_part::server, "{} of {}", 1, 2);
  REQUIRE(heard->lines.size() == 2);
  CHECK(heard->lines[0]["request_id"] == "req-1");
  CHECK(heard->lines[0]["logger"] == "lmcache.requests");
  CHECK(heard->lines[0]["file"] == "logging.test.cpp");
  CHECK(heard->lines[1]["message"] == "1 of 2");
  CHECK(heard->lines[1]["level"] == "WARNING");
  CHECK_FALSE(heard->lines[1].contains("request_id"));
  CHECK(current_log_request().empty());
  log_record(log_part::requests, spdlog::level::info, std::string(1000, 'r'), "long");
  CHECK(heard->lines[2]["request_id"].get<std::string>().size() < 300);
}

TEST_CASE_FIXTURE(log_fixture, "each logger has its level, and the root's is that of all") {
  log_record(log_part::l1, spdlog::level::debug, {}, "too low");
  CHECK(heard->lines.empty());
  CHECK(set_logger_level("lmcache.l1", log_level::debug));
  log_record(log_part::l1, spdlog::level::debug, {}, "shown");
  log_record(log_part::l2, spdlog::level::debug, {}, "not this one");
  CHECK(heard->lines.size() == 1);
  CHECK(logger_level("lmcache.l1") == log_level::debug);
  CHECK(logger_level("lmcache") == log_level::info);
  CHECK(set_logger_level("lmcache", log_level::error));
  CHECK(logger_level("lmcache.l1") == log_level::error);
  log_warn(log_part::l1, "too low again");
  CHECK(heard->lines.size() == 1);
}

TEST_CASE_FIXTURE(log_fixture, "names of the Python server mean the root, unknown ones nothing") {
  CHECK(set_logger_level("lmcache.v1.multiprocess.server", log_level::debug));
  CHECK(logger_level("lmcache") == log_level::debug);
  CHECK(logger_level("root") == log_level::debug);
  CHECK_FALSE(logger_level("does.not.exist"));
  CHECK_FALSE(logger_level("lmcache.nothing"));
  CHECK_FALSE(set_logger_level("lmcache.nothing", log_level::debug));
  const auto all = logger_levels();
  CHECK(all.size() == log_part_names.size());
  CHECK(all.front() == std::pair{std::string{"lmcache"}, log_level::debug});
}

TEST_CASE("what outside input can cause is told once a second, with the number of the others") {
  log_limit limit;
  const log_limit::time_point start{};
  const auto after = [&](int ms) { return limit.admit(start + std::chrono::milliseconds(ms)); };
  CHECK(after(0) == "");
  CHECK_FALSE(after(1));
  CHECK_FALSE(after(999));
  CHECK(after(1000) == " (2 more since the last such line)");
  CHECK_FALSE(after(1500));
  CHECK(after(5000) == " (1 more since the last such line)");
  CHECK(after(7000) == "");
}
