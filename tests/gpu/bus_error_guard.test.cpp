#include "gpu/bus_error_guard.hpp"

#include "tests/gpu/shm_segment.hpp"

#include <doctest/doctest.h>

#include <csignal>

#include <sys/wait.h>

using namespace actord::gpu;
using namespace actord::gpu::test;

namespace {

/// Runs `act` in a child without a sanitizer's handler and returns how it ended.
int status_of(void (*act)(shm_segment&), shm_segment& segment) {
  const pid_t child = ::fork();
  REQUIRE_GE(child, 0);
  if (child == 0) {
    ::close(STDERR_FILENO); // a sanitizer has much to say about it
    act(segment);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE_EQ(::waitpid(child, &status, 0), child);
  return status;
}

void touch_end(shm_segment& segment) {
  static_cast<volatile std::byte*>(segment.data)[segment.bytes - 1] = std::byte{1};
}

} // namespace

TEST_CASE("a bus error outside of every guarded range still ends the process") {
  shm_segment segment(8192);
  segment.truncate(4096);
  const int status = status_of(
    [](shm_segment& lost) {
      std::signal(SIGBUS, SIG_DFL);
      install_bus_error_guard();
      auto guard = register_guarded_range(lost.data, 4096);
      touch_end(lost);
    },
    segment);
  // Not installed first in this process: a sanitizer's handler exits instead of dying by signal.
  CHECK((WIFSIGNALED(status) || WEXITSTATUS(status) != 0));
}

TEST_CASE("a bus error that was sent reaches the handler that was there before") {
  shm_segment segment(4096);
  const int status = status_of(
    [](shm_segment& lost) {
      auto guard = register_guarded_range(lost.data, lost.bytes);
      install_bus_error_guard();
      ::kill(::getpid(), SIGBUS);
    },
    segment);
  CHECK((WIFSIGNALED(status) || WEXITSTATUS(status) != 0));
}

TEST_CASE("a fault in a guarded range does not end the process") {
  shm_segment segment(8192);
  segment.truncate(4096);
  const int status = status_of(
    [](shm_segment& lost) {
      install_bus_error_guard();
      auto guard = register_guarded_range(lost.data, lost.bytes);
      touch_end(lost);
      ::_exit(guard.broken() ? 42 : 1);
    },
    segment);
  REQUIRE(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 42);
}
