// Memory that O_DIRECT takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace actord {

/// What every disk in use asks of memory, offsets and lengths at most.
constexpr uint64_t direct_block_bytes = 4096;

/// Whole blocks of memory, not initialised.
class block_memory {
public:
  block_memory() = default;
  /// Room for `bytes` at least; none when there is no memory.
  explicit block_memory(uint64_t bytes)
    : size_{(bytes + direct_block_bytes - 1) / direct_block_bytes * direct_block_bytes},
      bytes_{static_cast<std::byte*>(std::aligned_alloc(direct_block_bytes, size_))} {
    if (!bytes_)
      size_ = 0;
  }

  explicit operator bool() const noexcept {
    return bytes_ != nullptr;
  }
  std::byte* data() const noexcept {
    return bytes_.get();
  }
  std::span<std::byte> first(uint64_t bytes) const noexcept {
    return {bytes_.get(), bytes};
  }

private:
  struct freed {
    void operator()(std::byte* bytes) const noexcept {
      std::free(bytes);
    }
  };

  uint64_t size_ = 0;
  std::unique_ptr<std::byte, freed> bytes_;
};

} // namespace actord
