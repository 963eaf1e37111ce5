// The thread that writes the log.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace actord {

/// How much of a log may wait for its reader.
struct log_limits {
  size_t lines = 8192, bytes = 4 << 20; // of each stream
};

/// Lines of each stream: accepted = written + discarded + waiting.
struct log_counts {
  uint64_t accepted = 0, written = 0, discarded = 0;
};

/// Writes finished lines to standard error and standard output on a thread of its own. Whoever has
/// a line waits for no reader: of a stream that is not read, the oldest lines make room for the
/// newest ones and are counted.
class log_writer {
public:
  enum class stream : uint8_t { error, output };

  /// @param error_fd, output_fd stay the caller's; may block
  /// @param gap the line that stands in standard error for that many discarded ones
  log_writer(int error_fd, int output_fd, log_limits limits,
             std::function<std::string(uint64_t)> gap);
  log_writer(const log_writer&) = delete;
  /// Closes with no patience.
  ~log_writer();

  /// Any thread. @param line with its line end
  void write(stream to, std::string line);
  /// Returns whether everything that waited was written (or discarded) in time.
  bool flush(std::chrono::milliseconds limit);
  /// Flushes and ends the thread. What nobody reads in time is lost.
  void close(std::chrono::milliseconds limit);
  log_counts counts(stream of) const;

private:
  struct channel;
  struct shared_state;

  // The thread may be stuck in a file system for ever; then it is left behind with its state.
  std::shared_ptr<shared_state> state_;
  std::thread thread_;
};

} // namespace actord
