// The L1 pool: one POSIX shared-memory segment that engine-driven workers map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

namespace actord {

/// Owns /dev/shm/<name>: created with mode 0600, locked for its life (flock), unlinked at the end.
/// Its pages are not reserved at construction: `reserve` does that step by step, and only reserved
/// ranges may be handed out, so that a full /dev/shm is a refused store and never a SIGBUS.
class shm_pool {
public:
  static constexpr uint64_t step_bytes = 64 << 20;

  /// Opens or takes over the segment `name` (without slash) of `size_bytes` (rounded up to pages).
  /// A segment that a living daemon holds is left alone. Returns the pool or a message.
  static std::variant<std::shared_ptr<shm_pool>, std::string>
  create(const std::string& name, uint64_t size_bytes);
  shm_pool(const shm_pool&) = delete;
  ~shm_pool();

  /// Reserves pages for the next bytes, at most `step_bytes`. Returns how many; 0 when all are
  /// reserved or when /dev/shm is full (`complete` tells which). One caller at a time.
  uint64_t reserve_step();
  bool complete() const noexcept {
    return reserved_ == size_;
  }
  uint64_t reserved_bytes() const noexcept {
    return reserved_;
  }

  const std::string& name() const noexcept {
    return name_;
  }
  uint64_t size_bytes() const noexcept {
    return size_;
  }
  std::byte* data() const noexcept {
    return base_;
  }

private:
  shm_pool(std::string name, int fd, std::byte* base, uint64_t size);

  std::string name_;
  int fd_;
  std::byte* base_;
  uint64_t size_;
  uint64_t reserved_ = 0;
};

/// The segment's name as workers know it: `given` or one made from the port, with the prefix
/// `lmcache_l1_pool_`.
std::string pool_name(const std::string& given, uint16_t port);

} // namespace actord
