#include "actors/telemetry/lookup_hash_log.hpp"

#include "actors/logging.hpp"

#include <doctest/doctest.h>
#include <spdlog/sinks/ringbuffer_sink.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace actord;
namespace fs = std::filesystem;

namespace {

struct fixture {
  fixture() {
    std::string name = fs::temp_directory_path() / "lookup-hash-log-XXXXXX";
    REQUIRE(::mkdtemp(name.data()));
    folder = fs::path{name};
    add_log_sink(heard);
  }
  ~fixture() {
    remove_log_sink(heard);
    fs::remove_all(folder);
  }

  std::unique_ptr<lookup_hash_log> open(lookup_hash_limits limits = {}) {
    auto opened = lookup_hash_log::open(folder / "log", limits);
    if (auto* fault = std::get_if<std::string>(&opened))
      FAIL(*fault);
    return std::get<std::unique_ptr<lookup_hash_log>>(std::move(opened));
  }

  std::vector<std::string> files() const {
    std::vector<std::string> result;
    for (const auto& each : fs::directory_iterator{folder / "log"})
      result.push_back(each.path().filename());
    std::ranges::sort(result);
    return result;
  }

  std::string content(const std::string& name) const {
    std::ifstream file{folder / "log" / name};
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  fs::path folder;
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> heard
    = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);
};

event looked_up(double time_s, std::string model = "m") {
  return {
    event_type::mp_lookup, time_s, "r",
    lookup_details{
      std::move(model), std::make_shared<const std::vector<chunk_hash>>(1), 256, 300, {}, {}}};
}

} // namespace

TEST_CASE_FIXTURE(fixture, "lookups are appended to a file that only the owner can read") {
  auto log = open();
  CHECK(files().empty());
  log->handle(looked_up(0));
  log->handle(looked_up(1));
  REQUIRE(files() == std::vector<std::string>{"lookup_hashes_19700101_000000_000000.jsonl"});
  CHECK(content(files()[0])
        == lookup_hash_line(looked_up(0)) + lookup_hash_line(looked_up(1))); // flushed
  struct stat facts {};
  REQUIRE(::stat((folder / "log" / files()[0]).c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
  log->shut_down();
}

TEST_CASE_FIXTURE(fixture, "files rotate by time, those of earlier runs count and leave first") {
  open()->handle(looked_up(5)); // an earlier run
  auto log = open({10, 1 << 20, 2});
  log->handle(looked_up(20));
  log->handle(looked_up(29.5));
  CHECK(files()
        == std::vector<std::string>{"lookup_hashes_19700101_000005_000000.jsonl",
                                    "lookup_hashes_19700101_000020_000001.jsonl"});
  log->handle(looked_up(30));
  CHECK(files()
        == std::vector<std::string>{"lookup_hashes_19700101_000020_000001.jsonl",
                                    "lookup_hashes_19700101_000030_000002.jsonl"});
}

TEST_CASE_FIXTURE(fixture, "a line stands in the file as a whole or not at all") {
  auto log = open();
  const auto line = lookup_hash_line(looked_up(0));
  log->handle(looked_up(0));
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &usual) == 0);
  const rlimit full{line.size() + 10, usual.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  log->handle(looked_up(0));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &usual) == 0);
  CHECK(log->lost() == 1);
  CHECK(content(files().at(0)) == line);
  log->handle(looked_up(0));
  CHECK(content(files().at(0)) == line + line);
  CHECK(files().size() == 1);
}

TEST_CASE_FIXTURE(fixture, "files rotate by size") {
  auto log = open({1000, 10, 100});
  for (int i = 0; i < 3; ++i)
    log->handle(looked_up(7));
  CHECK(files().size() == 3);
}

TEST_CASE_FIXTURE(fixture, "a name that is taken is not written into") {
  auto log = open();
  const auto taken = folder / "log" / lookup_hash_file_name(3, 0);
  std::ofstream{taken} << "mine";
  log->handle(looked_up(3));
  CHECK(files().size() == 2);
  CHECK(content(taken.filename()) == "mine");
  CHECK(log->lost() == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "a folder that cannot be written is refused with its name and a remedy") {
  std::ofstream{folder / "file"} << "x";
  auto opened = lookup_hash_log::open(folder / "file" / "log", {});
  REQUIRE(std::holds_alternative<std::string>(opened));
  const auto& text = std::get<std::string>(opened);
  CHECK(text.find("--lookup-hash-log-dir " + (folder / "file" / "log").string()) == 0);
  CHECK(text.find("Not a directory") != std::string::npos);
  CHECK(text.find("choose a folder") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "a file that somebody removes, or its folder, is made anew") {
  auto log = open();
  log->handle(looked_up(0));
  fs::remove_all(folder / "log");
  log->handle(looked_up(1));
  CHECK(content(files().at(0)) == lookup_hash_line(looked_up(1)));
  fs::remove(folder / "log" / files().at(0));
  log->handle(looked_up(2));
  CHECK(content(files().at(0)) == lookup_hash_line(looked_up(2)));
  CHECK(log->lost() == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "what a disk does not take is counted, told once a minute, tried again") {
  auto log = open({1, 1 << 20, 100});
  fs::remove_all(folder / "log");
  std::ofstream{folder / "log"} << "in the way";
  for (double now : {0.0, 10.0, 20.0, 59.0})
    log->handle(looked_up(now));
  CHECK(log->lost() == 4);
  CHECK(heard->last_raw().size() == 1);
  log->handle(looked_up(60));
  REQUIRE(heard->last_raw().size() == 2);
  const auto last = heard->last_formatted().back();
  CHECK(last.find("5 lookups are missing so far") != std::string::npos);
  fs::remove(folder / "log");
  log->handle(looked_up(61));
  CHECK(log->lost() == 5);
  CHECK(content(files().at(0)) == lookup_hash_line(looked_up(61)));
}
