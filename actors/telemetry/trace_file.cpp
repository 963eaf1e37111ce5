#include "actors/telemetry/trace_file.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {

namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

} // namespace

std::variant<std::unique_ptr<trace_file>, std::string>
trace_file::open(const std::string& path, std::string header, trace_file_limits limits) {
  std::unique_ptr<trace_file> result{new trace_file(path, std::move(header), limits)};
  if (auto fault = result->begin_file(path); !fault.empty())
    return fault;
  return result;
}

trace_file::trace_file(std::string path, std::string header, trace_file_limits limits)
  : path_(std::move(path)), header_(std::move(header)), limits_(limits) {
}

trace_file::~trace_file() {
  if (fd_ >= 0)
    ::close(fd_);
}

// NAME.lct -> NAME.1.lct; a name without the ending gets the number at its end.
std::string trace_file::next_name() const {
  constexpr std::string_view ending = ".lct";
  const auto stem = path_.ends_with(ending) ? path_.substr(0, path_.size() - ending.size()) : path_;
  return stem + '.' + std::to_string(number_ + 1) + path_.substr(stem.size());
}

std::string trace_file::begin_file(const std::string& name) {
  fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd_ < 0)
    return "cannot make " + name + ": " + reason(errno);
  [[maybe_unused]] int ignored = ::fchmod(fd_, 0600); // an older file may be open to others
  names_.push_back(name);
  file_bytes_ = 0;
  while (limits_.max_files > 0 && names_.size() > static_cast<uint64_t>(limits_.max_files)) {
    ::unlink(names_.front().c_str());
    names_.pop_front();
  }
  return write(header_);
}

std::string trace_file::append(std::string_view frame) {
  if (fd_ < 0)
    return "it is closed";
  const bool full
    = limits_.max_bytes > 0 && file_bytes_ + static_cast<int64_t>(frame.size()) > limits_.max_bytes;
  if (!full || file_bytes_ == static_cast<int64_t>(header_.size())) // one frame fits every file
    return write(frame);
  if (auto fault = close(); !fault.empty())
    return fault;
  auto name = next_name();
  ++number_;
  if (auto fault = begin_file(name); !fault.empty())
    return fault;
  return write(frame);
}

std::string trace_file::write(std::string_view frame) {
  for (auto left = frame; !left.empty();) {
    const auto written = ::write(fd_, left.data(), left.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      const int error = errno;
      auto fault = "cannot write to " + path() + ": " + reason(error);
      if (::ftruncate(fd_, file_bytes_) != 0)
        fault += ", and a piece of a record remains there";
      ::close(std::exchange(fd_, -1));
      return fault;
    }
    left.remove_prefix(static_cast<size_t>(written));
  }
  file_bytes_ += static_cast<int64_t>(frame.size());
  bytes_ += frame.size();
  return {};
}

std::string trace_file::close() {
  if (fd_ < 0)
    return {};
  std::string fault;
  // A pipe or a device has no disk behind it.
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS)
    fault = "cannot bring " + path() + " to the disk: " + reason(errno);
  ::close(std::exchange(fd_, -1));
  return fault;
}

} // namespace actord
