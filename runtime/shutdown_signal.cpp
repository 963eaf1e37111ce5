#include "runtime/shutdown_signal.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace actord::runtime {

namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

int read_signal(int fd) {
  signalfd_siginfo info{};
  return ::read(fd, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

} // namespace

shutdown_signal::shutdown_signal() {
  std::signal(SIGPIPE, SIG_IGN); // a closed log pipe must not end the daemon
  auto set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  request_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signal_fd_ < 0 || request_fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch signals");
}

shutdown_signal::~shutdown_signal() {
  ::close(signal_fd_);
  ::close(request_fd_);
}

int shutdown_signal::wait() {
  for (;;) {
    pollfd fds[] = {{signal_fd_, POLLIN, 0}, {request_fd_, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR)
      return 0;
    if ((fds[0].revents & POLLIN) != 0)
      if (int number = read_signal(signal_fd_); number != 0)
        return number;
    if ((fds[1].revents & POLLIN) != 0)
      return 0;
  }
}

int shutdown_signal::wait_again(int timeout_ms) {
  pollfd fd{signal_fd_, POLLIN, 0};
  return ::poll(&fd, 1, timeout_ms) == 1 ? read_signal(signal_fd_) : 0;
}

void shutdown_signal::request() {
  uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(request_fd_, &one, sizeof one);
}

void shutdown_signal::die_of(int number) {
  std::signal(number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  ::raise(number);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr); // the pending signal ends the process here
  std::_Exit(128 + number);
}

} // namespace actord::runtime
