#include "runtime/io_operation.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace actord::runtime {

namespace {

int64_t move_bytes(const io_operation& op) noexcept {
  const auto offset = static_cast<off_t>(op.offset);
  iovec one{op.bytes, op.length};
  const auto* all = &one;
  int count = 1;
  if (op.kind == io_kind::readv || op.kind == io_kind::writev) {
    all = static_cast<const iovec*>(op.bytes);
    count = static_cast<int>(op.length);
  }
  if (op.kind == io_kind::read || op.kind == io_kind::readv)
    return ::preadv2(op.fd, all, count, offset, op.flags);
  return ::pwritev2(op.fd, all, count, offset, op.flags);
}

int64_t call(const io_operation& op) noexcept {
  switch (op.kind) {
    case io_kind::openat: return ::openat(op.fd, op.path, op.flags, op.mode);
    case io_kind::statx:
      return ::statx(op.fd, op.path, op.flags, op.mode, static_cast<struct ::statx*>(op.bytes));
    case io_kind::read:
    case io_kind::readv:
    case io_kind::write:
    case io_kind::writev: return move_bytes(op);
    case io_kind::fsync: return ::fsync(op.fd);
    case io_kind::renameat: return ::renameat(op.fd, op.path, op.to_fd, op.to_path);
    case io_kind::unlinkat: return ::unlinkat(op.fd, op.path, op.flags);
    case io_kind::mkdirat: return ::mkdirat(op.fd, op.path, op.mode);
    case io_kind::close: return ::close(op.fd);
    case io_kind::ftruncate: return ::ftruncate(op.fd, static_cast<off_t>(op.length));
    case io_kind::fsetxattr: return ::fsetxattr(op.fd, op.path, op.bytes, op.length, op.flags);
    case io_kind::fgetxattr: return ::fgetxattr(op.fd, op.path, op.bytes, op.length);
  }
  errno = EINVAL;
  return -1;
}

/// Whether a signal ended it, the kernel's own for a cancelled operation (ERESTARTSYS) included.
bool interrupted(int64_t result) noexcept {
  constexpr int64_t restart = 512;
  return result == -EINTR || result == -restart;
}

} // namespace

int64_t perform(const io_operation& op) noexcept {
  for (;;) {
    const auto result = call(op);
    if (result >= 0)
      return result;
    // A close that was interrupted has closed.
    if (errno != EINTR || op.kind == io_kind::close)
      return -errno;
  }
}

bool conclude(io_operation& op, int64_t result, io_time now) noexcept {
  const auto late = op.cancelled || now >= op.deadline;
  if (interrupted(result) && op.kind != io_kind::close && !late)
    return false;
  if (op.cancelled && (interrupted(result) || result == -ECANCELED))
    result = -ETIMEDOUT;
  if (!op.whole || result < 0) {
    op.result = result;
    return true;
  }
  const auto part = std::min(static_cast<uint64_t>(result), op.length);
  op.moved += part;
  op.bytes = static_cast<std::byte*>(op.bytes) + part;
  op.offset += part;
  op.length -= part;
  op.result = static_cast<int64_t>(op.moved);
  if (op.moved >= op.enough)
    return true;
  if (part == 0 && op.kind == io_kind::write)
    op.result = -EIO; // it would never end
  else if (part != 0 && late)
    op.result = -ETIMEDOUT;
  return part == 0 || late;
}

} // namespace actord::runtime
