// Where options come from besides the command line. Injected, so that parsing stays pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace actord {

/// Largest file that is read for options, in bytes.
inline constexpr std::size_t max_option_file_bytes = 1 << 20;

using environment = std::map<std::string, std::string, std::less<>>;

struct file_content {
  std::string text;
  std::string error; // empty: read; otherwise why not, for a message
};

struct option_sources {
  environment variables;
  /// Reads a whole file of at most `max_option_file_bytes`.
  std::function<file_content(const std::string& path)> read_file;
  /// For the instance id when none is given.
  std::function<std::array<std::uint8_t, 16>()> random_bytes;
};

/// The real ones of this process: environ, the file system, the system's random numbers.
option_sources process_sources();

} // namespace actord
