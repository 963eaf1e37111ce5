// One operation on files, as a value that an io_backend carries out.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <type_traits>

struct iovec;
struct statx;

namespace actord::runtime {

enum class io_kind : uint8_t {
  openat,
  statx,
  read,
  readv,
  write,
  writev,
  fsync,
  renameat,
  unlinkat,
  mkdirat,
  close,
  ftruncate,
  fsetxattr,
  fgetxattr,
};
constexpr size_t io_kinds = static_cast<size_t>(io_kind::fgetxattr) + 1;

using io_clock = std::chrono::steady_clock;
using io_time = io_clock::time_point;
constexpr io_time no_deadline = io_time::max();

/// What to do, and what became of it. Paths and bytes stay where they are until it is done.
struct io_operation {
  io_kind kind = io_kind::openat;
  bool whole = false;            // read, write: go on after a short one, see `enough`
  bool cancelled = false;        // the backend's: its deadline passed while it was under way
  int32_t fd = -1;               // the file, or the folder that `path` starts from
  int32_t to_fd = -1;            // renameat: the folder that `to_path` starts from
  int32_t flags = 0;             // of open, statx, unlink, fsetxattr; RWF_* of reads and writes
  uint32_t mode = 0;             // of open, mkdir; the mask of statx
  const char* path = nullptr;    // or the name of an extended attribute
  const char* to_path = nullptr; // renameat
  void* bytes = nullptr;         // also: struct statx; iovec of readv and writev
  uint64_t length = 0;           // bytes, or entries of readv and writev
  uint64_t offset = 0;
  // Of a whole one: it ends when so many bytes are moved, or the file ends. Less than `length`
  // where the file is known to end inside of a block: going on from there could not be direct any
  // more.
  uint64_t enough = 0;
  io_time deadline = no_deadline;

  int64_t result = 0; // as the system call's, or -errno; -ETIMEDOUT: the deadline ended it
  uint64_t moved = 0; // the backend's: bytes of earlier parts of a whole read or write
  uint32_t place = 0; // the backend's: where it is in its list
  std::coroutine_handle<> waiter;
};
static_assert(std::is_trivially_destructible_v<io_operation>,
              "g++ 12 may destroy operands of co_await twice");

/// Carries out an operation with plain system calls on this thread, however long they take; one
/// part of it only. Returns its result.
int64_t perform(const io_operation& op) noexcept;

/// Notes that a part of an operation ended with `result`. Returns false when the rest of it must be
/// started now (`op` says what is left), true when `op.result` is its result.
bool conclude(io_operation& op, int64_t result, io_time now) noexcept;

} // namespace actord::runtime
