// SIGTERM, SIGINT, and a stop from within, as one thing to wait for.
#pragma once

namespace actord::runtime {

/// Construct it before any thread starts: it blocks both signals for all of them.
class shutdown_signal {
public:
  shutdown_signal();
  ~shutdown_signal();
  shutdown_signal(const shutdown_signal&) = delete;

  /// Waits; returns the signal's number, or 0 when `request` was called.
  int wait();

  /// Waits at most `timeout_ms` for another signal; returns its number, or 0.
  int wait_again(int timeout_ms);

  /// Stops the daemon from within. Any thread.
  void request();

  /// Ends the process by `signal`'s default action, as its sender expects.
  [[noreturn]] static void die_of(int signal);

private:
  int signal_fd_;
  int request_fd_;
};

} // namespace actord::runtime
