#include "runtime/options/option_sources.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <random>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {

namespace {

environment read_environment() {
  environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view line(*entry);
    auto equals = line.find('=');
    if (equals != std::string_view::npos)
      result.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return result;
}

/// Reads until the end or one byte beyond the limit.
file_content read_open_file(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
    return {{}, "it is a directory"};
  std::string text(max_option_file_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    auto got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return {{}, std::strerror(errno)};
    if (got == 0)
      break;
    size += static_cast<std::size_t>(got);
  }
  if (size > max_option_file_bytes)
    return {{}, "it is larger than 1 MiB"};
  text.resize(size);
  return {std::move(text), {}};
}

file_content read_whole_file(const std::string& path) {
  // Not blocking: a named pipe without a writer must not stop the start.
  auto fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return {{}, std::strerror(errno)};
  auto result = read_open_file(fd);
  ::close(fd);
  return result;
}

std::array<std::uint8_t, 16> read_random_bytes() {
  std::random_device device;
  std::array<std::uint8_t, 16> result{};
  std::ranges::generate(result, [&] { return static_cast<std::uint8_t>(device()); });
  return result;
}

} // namespace

option_sources process_sources() {
  return {read_environment(), read_whole_file, read_random_bytes};
}

} // namespace actord
