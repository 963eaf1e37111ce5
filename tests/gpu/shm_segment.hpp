// A POSIX shared-memory segment as a worker makes it, gone at the end of the test.
#pragma once

#include "gpu/descriptors.hpp"

#include <doctest/doctest.h>

#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace actord::gpu::test {

struct shm_segment {
  std::string name;
  size_t bytes;
  int fd = -1;
  std::byte* data = nullptr;

  explicit shm_segment(size_t size, std::string prefix = "/lmcache_kv_")
    : name(std::move(prefix) + std::to_string(::getpid()) + "_test"), bytes(size) {
    ::shm_unlink(name.c_str());
    fd = ::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE_GE(fd, 0);
    REQUIRE_EQ(::ftruncate(fd, static_cast<off_t>(size)), 0);
    void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REQUIRE(mapped != MAP_FAILED);
    data = static_cast<std::byte*>(mapped);
  }
  shm_segment(const shm_segment&) = delete;
  shm_segment& operator=(const shm_segment&) = delete;

  ~shm_segment() {
    ::munmap(data, bytes);
    ::close(fd);
    ::shm_unlink(name.c_str());
  }

  void truncate(size_t size) const {
    REQUIRE_EQ(::ftruncate(fd, static_cast<off_t>(size)), 0);
  }

  /// Names the segment in `tensor`, whose data begin `offset` elements behind the segment's begin.
  tensor_descriptor place(tensor_descriptor tensor, int64_t offset = 0) const {
    tensor.shm_name = name;
    tensor.nbytes = static_cast<int64_t>(bytes);
    tensor.storage_offset = offset;
    return tensor;
  }
};

} // namespace actord::gpu::test
