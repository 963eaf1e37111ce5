#include "actors/transfer/shm_pool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace actord {

namespace {

constexpr std::string_view prefix = "lmcache_l1_pool_";

std::string failure(std::string_view what, const std::string& name, std::string_view remedy) {
  std::string text{"cannot "};
  text.append(what).append(" /dev/shm/").append(name).append(": ").append(std::strerror(errno));
  return text.append("; ").append(remedy);
}

// Bytes that /dev/shm can still give, or -1.
int64_t free_shm_bytes() {
  struct statvfs info {};
  if (::statvfs("/dev/shm", &info) != 0)
    return -1;
  return static_cast<int64_t>(info.f_bavail * info.f_frsize);
}

// Opens and locks the segment. A file that was unlinked between open and lock is not the one that
// workers will find.
int open_locked(const std::string& path, std::string& error, const std::string& name) {
  for (int attempt = 0; attempt < 16; ++attempt) {
    int fd = ::shm_open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
      error = failure("open", name, "check its owner, or choose another --shm-name");
      return -1;
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      error = "/dev/shm/" + name
              + " belongs to a running daemon; stop it, or choose another "
                "--shm-name or --port";
      ::close(fd);
      return -1;
    }
    struct stat mine {
    }, found{};
    int again = ::shm_open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool same = again >= 0 && ::fstat(fd, &mine) == 0 && ::fstat(again, &found) == 0
                      && mine.st_ino == found.st_ino && mine.st_dev == found.st_dev;
    if (again >= 0)
      ::close(again);
    if (same)
      return fd;
    ::close(fd);
  }
  error = "/dev/shm/" + name + " keeps being replaced; choose another --shm-name";
  return -1;
}

} // namespace

std::variant<std::shared_ptr<shm_pool>, std::string>
shm_pool::create(const std::string& name, uint64_t size_bytes) {
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto size = (size_bytes + page - 1) / page * page;
  const auto path = "/" + name;
  std::string error;
  int fd = open_locked(path, error, name);
  if (fd < 0)
    return error;
  // A stale segment's pages are given back first: its content belongs to a daemon that is gone.
  // Workers of that daemon that still map it see their pages vanish, not ours.
  if (struct stat info{}; ::fstat(fd, &info) == 0 && info.st_size > 0) {
    ::shm_unlink(path.c_str());
    ::close(fd);
    if (fd = open_locked(path, error, name); fd < 0)
      return error;
  }
  auto give_up = [&](std::string text) {
    ::shm_unlink(path.c_str());
    ::close(fd);
    return text;
  };
  if (auto room = free_shm_bytes(); room >= 0 && static_cast<uint64_t>(room) < size)
    return give_up("/dev/shm has " + std::to_string(room >> 20)
                   + " MiB free, but --l1-size-gb asks for " + std::to_string(size >> 20)
                   + " MiB; make /dev/shm larger or the pool smaller");
  if (::fchmod(fd, 0600) != 0 || ::ftruncate(fd, static_cast<off_t>(size)) != 0)
    return give_up(failure("size", name, "make /dev/shm larger or the pool smaller"));
  void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED)
    return give_up(failure("map", name, "make the pool smaller (--l1-size-gb)"));
  auto pool
    = std::shared_ptr<shm_pool>(new shm_pool(name, fd, static_cast<std::byte*>(base), size));
  if (pool->reserve_step() == 0)
    return "/dev/shm is full: not even " + std::to_string(step_bytes >> 20)
           + " MiB can be reserved; make room there";
  return pool;
}

shm_pool::shm_pool(std::string name, int fd, std::byte* base, uint64_t size)
  : name_(std::move(name)), fd_(fd), base_(base), size_(size) {
}

shm_pool::~shm_pool() {
  ::munmap(base_, size_);
  ::shm_unlink(("/" + name_).c_str());
  ::close(fd_); // the lock goes last: until here nobody takes the name over
}

uint64_t shm_pool::reserve_step() {
  const auto bytes = std::min(step_bytes, size_ - reserved_);
  if (bytes == 0)
    return 0;
  int result = 0;
  do {
    result = ::fallocate(fd_, 0, static_cast<off_t>(reserved_), static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result != 0)
    return 0;
  reserved_ += bytes;
  return bytes;
}

std::string pool_name(const std::string& given, uint16_t port) {
  std::string_view bare = given;
  if (bare.starts_with('/'))
    bare.remove_prefix(1);
  if (bare.starts_with(prefix))
    return std::string{bare};
  auto suffix = bare.empty() ? "actord_" + std::to_string(port) : std::string{bare};
  return std::string{prefix} + suffix;
}

} // namespace actord
