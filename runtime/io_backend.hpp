// Files for coroutines: what carries operations out, and how a coroutine awaits one.
#pragma once

#include "runtime/io_operation.hpp"
#include "runtime/ring_task.hpp"

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>

namespace actord::runtime {

class io_backend;

/// An operation that nobody has asked for yet. `co_await` it, or do it `at_once`. Yields what the
/// system call returns, or -errno.
class [[nodiscard]] io_awaiter {
public:
  io_awaiter(io_backend& io, const io_operation& op) noexcept : io_(io), op_(op) {
  }

  bool await_ready() const noexcept {
    return false;
  }
  void await_suspend(std::coroutine_handle<> waiter) noexcept;
  int64_t await_resume() const noexcept {
    return op_.result;
  }

  /// On this thread, without a deadline: for what is short wherever it matters.
  int64_t at_once() noexcept;

private:
  io_backend& io_;
  io_operation op_;
};

/// Carries operations out on behalf of coroutines of one thread. A coroutine is resumed on that
/// thread and only when nothing will read or write its operation's memory any more. An operation
/// whose deadline passes is cancelled; one that cannot be cancelled ends when it ends.
class io_backend {
public:
  virtual ~io_backend() = default;

  /// Runs `work` on the backend's thread. Any thread. False when too much waits already; it does
  /// not run then.
  virtual bool post(std::function<void()> work) = 0;
  /// Blocks the calling thread, never the backend's, until posted work has set `flag` and notified
  /// it.
  virtual void wait_for(const std::atomic<bool>& flag) = 0;
  /// The deadlines' clock.
  virtual io_time now() const noexcept = 0;

  // From here on: on the backend's thread only.

  /// Begins an operation that stays where it is; never resumes its waiter before it returns.
  virtual void start(io_operation& op) noexcept = 0;
  /// Does one part of an operation here and now.
  virtual int64_t perform_now(const io_operation& op) noexcept = 0;

  io_awaiter openat(int folder, const char* path, int flags, uint32_t mode, io_time deadline);
  /// `status` is a struct statx; `mask` is STATX_*.
  io_awaiter statx(int folder, const char* path, int flags, uint32_t mask, struct ::statx* status,
                   io_time deadline);
  /// One read, which may be short. `flags`: RWF_*.
  io_awaiter
  read(int fd, void* bytes, uint64_t length, uint64_t offset, io_time deadline, int flags = 0);
  io_awaiter readv(int fd, const iovec* parts, uint64_t count, uint64_t offset, io_time deadline);
  io_awaiter writev(int fd, const iovec* parts, uint64_t count, uint64_t offset, io_time deadline);
  /// Ends with `length` bytes, with at least `enough` of them, or where the file ends.
  io_awaiter read_exactly(int fd, void* bytes, uint64_t length, uint64_t offset, io_time deadline,
                          uint64_t enough = UINT64_MAX);
  /// Yields `length` or an error.
  io_awaiter
  write_exactly(int fd, const void* bytes, uint64_t length, uint64_t offset, io_time deadline);
  io_awaiter fsync(int fd, io_time deadline);
  io_awaiter
  renameat(int folder, const char* path, int to_folder, const char* to_path, io_time deadline);
  io_awaiter unlinkat(int folder, const char* path, io_time deadline);
  io_awaiter mkdirat(int folder, const char* path, uint32_t mode, io_time deadline);
  /// Has no deadline: a file must not stay open.
  io_awaiter close(int fd);
  io_awaiter ftruncate(int fd, uint64_t length, io_time deadline);
  io_awaiter
  fsetxattr(int fd, const char* name, const void* value, uint64_t length, io_time deadline);
  io_awaiter fgetxattr(int fd, const char* name, void* value, uint64_t length, io_time deadline);
};

inline void io_awaiter::await_suspend(std::coroutine_handle<> waiter) noexcept {
  op_.waiter = waiter;
  io_.start(op_);
}

inline int64_t io_awaiter::at_once() noexcept {
  return io_.perform_now(op_);
}

} // namespace actord::runtime
