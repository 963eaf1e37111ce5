#include "runtime/io_ring.hpp"

#include "runtime/io_blocking.hpp"
#include "tests/fixtures/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace actord::runtime;
using actord::fixtures::temporary_folder;
using namespace std::chrono_literals;

namespace {

using results = std::vector<int64_t>;

/// Runs a coroutine and waits for what it tells.
template <class Make>
results run_on(io_backend& io, Make make) {
  auto told = std::make_shared<std::promise<results>>();
  auto answer = told->get_future();
  REQUIRE(io.post([make, told] { make(told); }));
  return answer.get();
}

using teller = std::shared_ptr<std::promise<results>>;

ring_task write_and_read(io_backend& io, int folder, teller told) {
  results all;
  const std::string text = "0123456789";
  auto fd = static_cast<int>(
    co_await io.openat(folder, "a.tmp", O_RDWR | O_CREAT | O_CLOEXEC, 0644, no_deadline));
  all.push_back(fd >= 0);
  all.push_back(co_await io.write_exactly(fd, text.data(), text.size(), 0, no_deadline));
  all.push_back(co_await io.fsync(fd, no_deadline));
  all.push_back(co_await io.ftruncate(fd, 7, no_deadline));
  const uint32_t mark = 0x01020304;
  all.push_back(co_await io.fsetxattr(fd, "user.mark", &mark, sizeof mark, no_deadline));
  all.push_back(co_await io.mkdirat(folder, "b", 0755, no_deadline));
  all.push_back(co_await io.renameat(folder, "a.tmp", folder, "b/a", no_deadline));
  struct ::statx status {};
  all.push_back(co_await io.statx(folder, "b/a", 0, STATX_SIZE, &status, no_deadline));
  all.push_back(static_cast<int64_t>(status.stx_size));
  std::array<char, 32> bytes{};
  all.push_back(co_await io.read_exactly(fd, bytes.data(), bytes.size(), 0, no_deadline));
  all.push_back(std::strcmp(bytes.data(), "0123456"));
  std::array<char, 4> first{}, second{};
  std::array<iovec, 2> parts{iovec{first.data(), 3}, iovec{second.data(), 3}};
  all.push_back(co_await io.readv(fd, parts.data(), parts.size(), 1, no_deadline));
  all.push_back(std::strcmp(first.data(), "123") + std::strcmp(second.data(), "456"));
  uint32_t found = 0;
  all.push_back(co_await io.fgetxattr(fd, "user.mark", &found, sizeof found, no_deadline));
  all.push_back(found == mark);
  all.push_back(co_await io.close(fd));
  all.push_back(co_await io.unlinkat(folder, "b/a", no_deadline));
  all.push_back(co_await io.openat(folder, "b/a", O_RDONLY, 0, no_deadline));
  told->set_value(all);
}

} // namespace

TEST_CASE("a coroutine writes, renames, reads and removes a file") {
  temporary_folder folder;
  std::unique_ptr<io_backend> uut;
  SUBCASE("through a ring") {
    uut = std::make_unique<io_ring>(io_ring_options{});
  }
  SUBCASE("by blocking calls") {
    uut = std::make_unique<io_blocking>(4);
  }
  auto all = run_on(*uut, [&](teller told) { write_and_read(*uut, folder.fd(), told); });
  CHECK_EQ(all, results{1, 10, 0, 0, 0, 0, 0, 0, 7, 7, 0, 6, 0, 4, 1, 0, 0, -ENOENT});
}

namespace {

ring_task read_late(io_backend& io, int fd, void* byte, io_time deadline, teller told) {
  const auto result = co_await io.read(fd, byte, 1, 0, deadline);
  results all{result};
  told->set_value(all);
}

/// With O_CREAT the kernel opens on a thread of its own; without it would not wait for a writer.
ring_task open_late(io_backend& io, int folder, io_time deadline, teller told) {
  const auto result = co_await io.openat(folder, "pipe", O_RDONLY | O_CREAT, 0600, deadline);
  results all{result};
  told->set_value(all);
}

} // namespace

TEST_CASE("an operation that hangs is cancelled when its deadline passes") {
  temporary_folder folder;
  io_ring uut{{}};
  int ends[2];
  REQUIRE_EQ(::pipe2(ends, O_CLOEXEC), 0);
  char byte = 0;
  SUBCASE("a read") {
    auto all = run_on(uut, [&](teller told) {
      read_late(uut, ends[0], &byte, io_clock::now() + 5ms, told);
    });
    CHECK_EQ(all, results{-ETIMEDOUT});
  }
  SUBCASE("a system call on one of the kernel's threads") {
    REQUIRE_EQ(::mkfifoat(folder.fd(), "pipe", 0600), 0);
    auto all
      = run_on(uut, [&](teller told) { open_late(uut, folder.fd(), io_clock::now() + 5ms, told); });
    CHECK_EQ(all, results{-ETIMEDOUT});
  }
  SUBCASE("one whose deadline was over before") {
    auto all = run_on(uut, [&](teller told) {
      read_late(uut, ends[0], &byte, io_clock::now() - 5ms, told);
    });
    CHECK_EQ(all, results{-ETIMEDOUT});
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("an operation in line behind others that hang is ended by its deadline too") {
  io_ring_options options;
  options.entries = 2;
  io_ring uut{options};
  int ends[2];
  REQUIRE_EQ(::pipe2(ends, O_CLOEXEC), 0);
  std::array<char, 5> bytes{};
  std::vector<std::future<results>> answers;
  const auto deadline = io_clock::now() + 20ms;
  for (auto& byte : bytes) {
    auto told = std::make_shared<std::promise<results>>();
    answers.push_back(told->get_future());
    uut.post(
      [&uut, &byte, &ends, deadline, told] { read_late(uut, ends[0], &byte, deadline, told); });
  }
  for (auto& answer : answers)
    CHECK_EQ(answer.get(), results{-ETIMEDOUT});
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("an operation in line takes its turn when one before it was cancelled") {
  io_ring_options options;
  options.entries = 1;
  io_ring uut{options};
  int empty[2], full[2];
  REQUIRE_EQ(::pipe2(empty, O_CLOEXEC), 0);
  REQUIRE_EQ(::pipe2(full, O_CLOEXEC), 0);
  REQUIRE_EQ(::write(full[1], "x", 1), 1);
  char bytes[2]{};
  auto first = std::make_shared<std::promise<results>>();
  auto second = std::make_shared<std::promise<results>>();
  uut.post([&, first, second, now = io_clock::now()] {
    read_late(uut, empty[0], &bytes[0], now + 5ms, first);
    read_late(uut, full[0], &bytes[1], now + 1h, second);
  });
  CHECK_EQ(first->get_future().get(), results{-ETIMEDOUT});
  CHECK_EQ(second->get_future().get(), results{1});
  CHECK_EQ(bytes[1], 'x');
  for (auto fd : {empty[0], empty[1], full[0], full[1]})
    ::close(fd);
}

namespace {

ring_task touch_many(io_backend& io, int folder, int number, std::atomic<int>& done) {
  const auto name = std::to_string(number);
  auto fd = static_cast<int>(
    co_await io.openat(folder, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644, no_deadline));
  int found = 0;
  auto ok = fd >= 0;
  ok = (co_await io.write_exactly(fd, &number, sizeof number, 0, no_deadline)) == sizeof number
       && ok;
  ok = (co_await io.read_exactly(fd, &found, sizeof found, 0, no_deadline)) == sizeof found && ok;
  co_await io.close(fd);
  if (ok && found == number)
    ++done;
}

} // namespace

TEST_CASE("many more operations than entries: each ends once, from several threads, and the end "
          "waits for all") {
  constexpr int threads = 3, each = 300;
  temporary_folder folder;
  std::atomic<int> done = 0;
  std::unique_ptr<io_backend> uut;
  SUBCASE("through a ring") {
    io_ring_options options;
    options.entries = 4;
    uut = std::make_unique<io_ring>(options);
  }
  SUBCASE("by blocking calls") {
    uut = std::make_unique<io_blocking>(threads * each);
  }
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t)
    posters.emplace_back([&, t] {
      for (int n = 0; n < each; ++n)
        uut->post([&io = *uut, &done, fd = folder.fd(), number = t * each + n] {
          touch_many(io, fd, number, done);
        });
    });
  for (auto& poster : posters)
    poster.join();
  uut.reset();
  CHECK_EQ(done, threads * each);
}

TEST_CASE("without a ring, what is late does not begin") {
  io_blocking uut{4};
  char byte = 0;
  auto all
    = run_on(uut, [&](teller told) { read_late(uut, -1, &byte, io_clock::now() - 5ms, told); });
  CHECK_EQ(all, results{-ETIMEDOUT});
}

TEST_CASE("posted work beyond the bound is refused and never runs") {
  io_ring_options options;
  options.inbox = 2;
  std::promise<void> gate;
  std::atomic<int> ran = 0;
  {
    io_ring uut{options};
    std::promise<void> entered;
    uut.post([&] {
      entered.set_value();
      gate.get_future().wait();
    });
    entered.get_future().wait();
    CHECK(uut.post([&] { ++ran; }));
    CHECK(uut.post([&] { ++ran; }));
    CHECK_FALSE(uut.post([&] { ++ran; }));
    gate.set_value();
  }
  CHECK_EQ(ran, 2);
}

TEST_CASE("registered memory is read into and written from like any other") {
  temporary_folder folder;
  std::vector<std::byte> memory(64 * 1024);
  io_ring_options options;
  options.memory = memory;
  io_ring uut{options};
  const auto fd = ::openat(folder.fd(), "x", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  std::memset(memory.data(), 7, 1000);
  auto all = run_on(uut, [&](teller told) {
    [](io_backend& io, int file, std::byte* at, teller tell) -> ring_task {
      results r;
      r.push_back(co_await io.write_exactly(file, at, 1000, 0, no_deadline));
      r.push_back(co_await io.read_exactly(file, at + 5000, 2000, 0, no_deadline));
      tell->set_value(r);
    }(uut, fd, memory.data(), told);
  });
  CHECK_EQ(all, results{1000, 1000});
  CHECK_EQ(std::memcmp(memory.data(), memory.data() + 5000, 1000), 0);
  ::close(fd);
}
