// How far a command is, on a terminal.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include <unistd.h>

namespace actord {

/// One line on standard error that is written again and again; nothing where that is no terminal.
class progress_bar {
public:
  progress_bar(uint64_t total, bool quiet)
    : total_(std::max<uint64_t>(total, 1)), shown_(!quiet && ::isatty(STDERR_FILENO) == 1) {
  }

  bool shown() const {
    return shown_;
  }

  /// Ten times a second at most.
  void show(uint64_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || (done < total_ && now - last_ < std::chrono::milliseconds(100)))
      return;
    last_ = now;
    constexpr uint64_t width = 40;
    const auto full = std::min(width, width * done / total_);
    std::fprintf(stderr, "\r[%s%s] %llu/%llu", std::string(full, '#').c_str(),
                 std::string(width - full, '.').c_str(), static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(total_));
  }

  void end() {
    if (shown_)
      std::fputs("\n", stderr);
  }

private:
  uint64_t total_;
  bool shown_;
  std::chrono::steady_clock::time_point last_{};
};

} // namespace actord
