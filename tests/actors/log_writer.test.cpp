#include "actors/log_writer.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

using namespace actord;

namespace {

constexpr auto error = log_writer::stream::error;
constexpr auto output = log_writer::stream::output;
constexpr auto patience = std::chrono::seconds(30);

struct test_pipe {
  test_pipe() {
    REQUIRE(::pipe(ends) == 0);
    ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
  }
  ~test_pipe() {
    close_reader();
    close_writer();
  }
  void close_reader() {
    if (ends[0] >= 0)
      ::close(std::exchange(ends[0], -1));
  }
  void close_writer() {
    if (ends[1] >= 0)
      ::close(std::exchange(ends[1], -1));
  }
  // Everything until the writer's end is closed.
  std::string read_all() {
    std::string result;
    char bytes[4096];
    for (ssize_t n; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;)
      result.append(bytes, static_cast<size_t>(n));
    return result;
  }

  int ends[2] = {-1, -1};
};

struct fixture {
  fixture() {
    std::signal(SIGPIPE, SIG_IGN);
  }
  std::unique_ptr<log_writer> start(log_limits limits = {}) {
    return std::make_unique<log_writer>(err.ends[1], out.ends[1], limits, [](uint64_t lines) {
      return std::to_string(lines) + " lost\n";
    });
  }

  test_pipe err, out;
};

std::string numbered(int i) {
  return "line " + std::to_string(i) + "\n";
}

} // namespace

TEST_CASE_FIXTURE(fixture, "lines come out in their order, each stream in its own place") {
  auto writer = start();
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    writer->write(error, numbered(i));
    expected += numbered(i);
  }
  const auto big = std::string(20'000, 'x') + "\n"; // more than the pipe holds
  writer->write(output, big);
  // Of a pipe of one page even a few lines may fill the only place that poll() counts.
  std::string seen_err, seen_out;
  std::thread err_reader{[&] { seen_err = err.read_all(); }};
  std::thread out_reader{[&] { seen_out = out.read_all(); }};
  CHECK(writer->flush(patience));
  writer->close(patience);
  err.close_writer();
  out.close_writer();
  err_reader.join();
  out_reader.join();
  CHECK(seen_err == expected);
  CHECK(seen_out == big);
  CHECK(writer->counts(error).written == 100);
  CHECK(writer->counts(output).written == 1);
}

TEST_CASE_FIXTURE(fixture,
                  "nobody waits for a reader: the oldest lines make room and are counted") {
  auto writer = start({100, 1 << 20});
  for (int i = 0; i < 10'000; ++i)
    writer->write(error, numbered(i));
  const auto stuck = writer->counts(error);
  CHECK(stuck.accepted == 10'000);
  CHECK(stuck.discarded >= 9'000); // the pipe holds a few hundred, the queue 100
  writer->write(output, "still served\n");
  char first[64] = {};
  CHECK(::read(out.ends[0], first, sizeof first) == 13); // the other stream goes on
  std::string seen;
  std::thread reader{[&] { seen = err.read_all(); }};
  CHECK(writer->flush(patience));
  writer->close(patience);
  err.close_writer();
  reader.join();
  const auto counts = writer->counts(error);
  CHECK(counts.written + counts.discarded == 10'000);
  CHECK(seen.ends_with("line 9998\nline 9999\n"));
  uint64_t told = 0; // in one line or several
  for (size_t at = 0; (at = seen.find(" lost\n", at)) != std::string::npos; ++at)
    told += std::stoull(seen.substr(seen.rfind('\n', at) + 1));
  CHECK(told == counts.discarded);
}

TEST_CASE_FIXTURE(fixture, "the bytes that wait are bounded, too") {
  auto writer = start({1'000'000, 50'000});
  for (int i = 0; i < 1000; ++i)
    writer->write(error, std::string(999, 'x') + "\n");
  CHECK(writer->counts(error).discarded >= 900);
}

TEST_CASE_FIXTURE(fixture, "the end does not wait for a reader that has stopped") {
  auto writer = start();
  for (int i = 0; i < 5000; ++i)
    writer->write(error, numbered(i));
  CHECK_FALSE(writer->flush(std::chrono::milliseconds(1)));
  writer->close(std::chrono::milliseconds(1));
  writer->write(error, "too late\n");
  const auto counts = writer->counts(error);
  CHECK(counts.written + counts.discarded == 5001);
}

TEST_CASE_FIXTURE(fixture, "a closed stream loses its lines and nothing else") {
  err.close_reader();
  auto writer = start();
  for (int i = 0; i < 10; ++i)
    writer->write(error, numbered(i));
  writer->write(output, "here\n");
  CHECK(writer->flush(patience));
  CHECK(writer->counts(error).discarded == 10);
  CHECK(writer->counts(output).written == 1);
}
