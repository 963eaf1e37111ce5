#include "actors/trace/workload_file.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace actord {

namespace {

constexpr unsigned buffer_bytes = 1 << 18;

std::string cannot(const char* what, const std::string& path) {
  return std::string{"cannot "} + what + " '" + path
         + "': " + std::generic_category().message(errno);
}

} // namespace

std::variant<std::shared_ptr<workload_file>, std::string>
workload_file::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) {
    auto why = cannot("open", path);
    if (fd >= 0)
      ::close(fd);
    return why;
  }
  auto* file = ::gzdopen(fd, "rb");
  if (file == nullptr) {
    ::close(fd);
    return "cannot open '" + path + "': out of memory";
  }
  ::gzbuffer(file, buffer_bytes);
  return std::shared_ptr<workload_file>{
    new workload_file{path, file, static_cast<uint64_t>(std::max<off_t>(facts.st_size, 0))}};
}

workload_file::workload_file(std::string path, gzFile_s* file, uint64_t size_bytes)
  : path_{std::move(path)}, file_{file}, size_bytes_{size_bytes} {
}

workload_file::~workload_file() {
  ::gzclose_r(file_);
}

size_t workload_file::read(std::span<char> into) {
  if (!fault_.empty())
    return 0;
  const auto most = static_cast<unsigned>(std::min<size_t>(into.size(), buffer_bytes));
  const int got = ::gzread(file_, into.data(), most);
  int error = Z_OK;
  const char* why = got > 0 ? "" : ::gzerror(file_, &error);
  if (error == Z_ERRNO)
    fault_ = cannot("read", path_);
  else if (error != Z_OK && error != Z_STREAM_END)
    fault_ = "cannot read '" + path_ + "': " + why; // a cut or damaged gzip stream
  return got > 0 ? static_cast<size_t>(got) : 0;
}

uint64_t workload_file::offset_bytes() const {
  return static_cast<uint64_t>(std::max<z_off_t>(::gzoffset(file_), 0));
}

} // namespace actord
