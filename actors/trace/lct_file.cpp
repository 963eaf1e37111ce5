#include "actors/trace/lct_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace actord {

namespace {

constexpr size_t block_bytes = 1 << 20;

class file_bytes {
public:
  explicit file_bytes(int fd) : fd_(fd), block_(block_bytes) {
  }
  file_bytes(const file_bytes&) = delete;
  ~file_bytes() {
    ::close(fd_);
  }

  size_t read(std::span<char> into) {
    if (begin_ == end_)
      fill();
    const auto count = std::min(into.size(), end_ - begin_);
    std::memcpy(into.data(), block_.data() + begin_, count);
    begin_ += count;
    return count;
  }

private:
  void fill() {
    ssize_t got = 0;
    do
      got = ::read(fd_, block_.data(), block_.size());
    while (got < 0 && errno == EINTR);
    begin_ = 0;
    end_ = got > 0 ? static_cast<size_t>(got) : 0;
  }

  int fd_;
  std::vector<char> block_;
  size_t begin_ = 0, end_ = 0;
};

} // namespace

std::variant<trace::byte_source, std::string> open_bytes(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return "cannot open '" + path + "': " + std::generic_category().message(errno);
  auto file = std::make_shared<file_bytes>(fd);
  return [file](std::span<char> into) { return file->read(into); };
}

std::variant<trace::reader, std::string>
open_lct(const std::string& path, trace::reader::warning warn) {
  auto bytes = open_bytes(path);
  if (auto* fault = std::get_if<std::string>(&bytes))
    return std::move(*fault);
  return trace::reader::open(path, std::get<trace::byte_source>(std::move(bytes)), std::move(warn));
}

} // namespace actord
