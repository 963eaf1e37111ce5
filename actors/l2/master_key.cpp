#include "actors/l2/master_key.hpp"

#include <openssl/crypto.h>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {

master_key::master_key(const std::string& path) {
  const auto error = read(path.c_str());
  if (error == 0)
    return;
  const auto* why = error == EFBIG ? "it has more than 1 MiB" : std::strerror(error);
  error_ = "serde.master_key_path \"" + path
           + "\": cannot be read: " + (error == EINVAL ? "it is no regular file" : why)
           + "; check the path, and that this user may read it";
}

master_key::~master_key() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

int master_key::read(const char* path) {
  // Not to wait for the writer of a pipe.
  const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return errno;
  struct ::stat status {};
  int error = ::fstat(file, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
  if (error == 0 && status.st_size > static_cast<off_t>(max_bytes))
    error = EFBIG;
  if (error == 0)
    bytes_.resize(static_cast<size_t>(status.st_size));
  while (error == 0 && used_ < bytes_.size()) {
    const auto count = ::read(file, bytes_.data() + used_, bytes_.size() - used_);
    if (count == 0)
      break;
    if (count > 0)
      used_ += static_cast<size_t>(count);
    else if (errno != EINTR)
      error = errno;
  }
  ::close(file);
  return error;
}

} // namespace actord
