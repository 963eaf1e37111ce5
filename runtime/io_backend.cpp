#include "runtime/io_backend.hpp"

#include <algorithm>

namespace actord::runtime {

namespace {

io_operation on_path(io_kind kind, int folder, const char* path, io_time deadline) {
  io_operation op;
  op.kind = kind;
  op.fd = folder;
  op.path = path;
  op.deadline = deadline;
  return op;
}

io_operation on_file(io_kind kind, int fd, io_time deadline) {
  return on_path(kind, fd, nullptr, deadline);
}

io_operation on_bytes(io_kind kind, int fd, const void* bytes, uint64_t length, uint64_t offset,
                      io_time deadline) {
  auto op = on_file(kind, fd, deadline);
  op.bytes = const_cast<void*>(bytes); // what writes is told by `kind`
  op.length = length;
  op.offset = offset;
  return op;
}

} // namespace

io_awaiter
io_backend::openat(int folder, const char* path, int flags, uint32_t mode, io_time deadline) {
  auto op = on_path(io_kind::openat, folder, path, deadline);
  op.flags = flags;
  op.mode = mode;
  return {*this, op};
}

io_awaiter io_backend::statx(int folder, const char* path, int flags, uint32_t mask,
                             struct ::statx* status, io_time deadline) {
  auto op = on_path(io_kind::statx, folder, path, deadline);
  op.flags = flags;
  op.mode = mask;
  op.bytes = status;
  return {*this, op};
}

io_awaiter io_backend::read(int fd, void* bytes, uint64_t length, uint64_t offset, io_time deadline,
                            int flags) {
  auto op = on_bytes(io_kind::read, fd, bytes, length, offset, deadline);
  op.flags = flags;
  return {*this, op};
}

io_awaiter
io_backend::readv(int fd, const iovec* parts, uint64_t count, uint64_t offset, io_time deadline) {
  return {*this, on_bytes(io_kind::readv, fd, parts, count, offset, deadline)};
}

io_awaiter
io_backend::writev(int fd, const iovec* parts, uint64_t count, uint64_t offset, io_time deadline) {
  return {*this, on_bytes(io_kind::writev, fd, parts, count, offset, deadline)};
}

io_awaiter io_backend::read_exactly(int fd, void* bytes, uint64_t length, uint64_t offset,
                                    io_time deadline, uint64_t enough) {
  auto op = on_bytes(io_kind::read, fd, bytes, length, offset, deadline);
  op.whole = true;
  op.enough = std::min(length, enough);
  return {*this, op};
}

io_awaiter io_backend::write_exactly(int fd, const void* bytes, uint64_t length, uint64_t offset,
                                     io_time deadline) {
  auto op = on_bytes(io_kind::write, fd, bytes, length, offset, deadline);
  op.whole = true;
  op.enough = length;
  return {*this, op};
}

io_awaiter io_backend::fsync(int fd, io_time deadline) {
  return {*this, on_file(io_kind::fsync, fd, deadline)};
}

io_awaiter io_backend::renameat(int folder, const char* path, int to_folder, const char* to_path,
                                io_time deadline) {
  auto op = on_path(io_kind::renameat, folder, path, deadline);
  op.to_fd = to_folder;
  op.to_path = to_path;
  return {*this, op};
}

io_awaiter io_backend::unlinkat(int folder, const char* path, io_time deadline) {
  return {*this, on_path(io_kind::unlinkat, folder, path, deadline)};
}

io_awaiter io_backend::mkdirat(int folder, const char* path, uint32_t mode, io_time deadline) {
  auto op = on_path(io_kind::mkdirat, folder, path, deadline);
  op.mode = mode;
  return {*this, op};
}

io_awaiter io_backend::close(int fd) {
  return {*this, on_file(io_kind::close, fd, no_deadline)};
}

io_awaiter io_backend::ftruncate(int fd, uint64_t length, io_time deadline) {
  return {*this, on_bytes(io_kind::ftruncate, fd, nullptr, length, 0, deadline)};
}

io_awaiter io_backend::fsetxattr(int fd, const char* name, const void* value, uint64_t length,
                                 io_time deadline) {
  auto op = on_bytes(io_kind::fsetxattr, fd, value, length, 0, deadline);
  op.path = name;
  return {*this, op};
}

io_awaiter
io_backend::fgetxattr(int fd, const char* name, void* value, uint64_t length, io_time deadline) {
  auto op = on_bytes(io_kind::fgetxattr, fd, value, length, 0, deadline);
  op.path = name;
  return {*this, op};
}

} // namespace actord::runtime
