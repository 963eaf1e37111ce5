// Memory for objects on their way through a serde.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace actord {

/// Aligned buffers, together at most `max_bytes`, those in use and those kept for the next one of
/// their size. Any thread; waits for nobody.
class staging_pool {
public:
  struct deleter {
    void operator()(std::byte* bytes) const noexcept {
      std::free(bytes);
    }
  };
  /// `room_bytes` at a multiple of the alignment, itself one; not cleared. Without bytes: none.
  struct buffer {
    std::unique_ptr<std::byte, deleter> bytes;
    uint64_t room_bytes = 0;
    explicit operator bool() const noexcept {
      return bytes != nullptr;
    }
  };

  /// @param align_bytes a power of two
  staging_pool(uint64_t max_bytes, uint64_t align_bytes)
    : max_bytes_(max_bytes), align_bytes_(align_bytes) {
  }

  /// Whether a buffer of that size can ever be had.
  bool holds(uint64_t bytes) const noexcept {
    return bytes <= max_bytes_ && room_of(bytes) <= max_bytes_;
  }
  /// A buffer of `bytes` or a little more; none when there is no room for it now, or no memory.
  buffer take(uint64_t bytes);
  void give_back(buffer used);

  uint64_t used_bytes() const;
  /// With buffers that are kept.
  uint64_t held_bytes() const;
  /// The most that was ever held.
  uint64_t peak_bytes() const;

private:
  uint64_t room_of(uint64_t bytes) const noexcept {
    return (bytes / align_bytes_ + (bytes % align_bytes_ != 0 || bytes == 0 ? 1 : 0))
           * align_bytes_;
  }

  const uint64_t max_bytes_, align_bytes_;
  mutable std::mutex mutex_;
  std::vector<buffer> kept_;
  uint64_t used_bytes_ = 0, kept_bytes_ = 0, peak_bytes_ = 0;
};

} // namespace actord
