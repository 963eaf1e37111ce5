// The bytes of one slot on their way: header and payload in one transfer.
#pragma once

#include "actors/l2/block_memory.hpp"
#include "actors/l2/raw_block_device.hpp"

#include <array>
#include <cstdint>
#include <span>

#include <sys/uio.h>

namespace actord {

/// Where the bytes of a slot come from or go to: a header, the object's own memory, and memory of
/// ours where O_DIRECT cannot use that.
class slot_transfer {
public:
  /// Memory for an object's slot. `error()` tells whether there was any.
  slot_transfer(raw_block_device& device, const l2_item& item, bool writing);

  int error() const noexcept {
    return error_;
  }
  std::span<std::byte> header() const noexcept {
    return header_.first(header_bytes_);
  }
  std::span<iovec> parts() noexcept {
    return std::span{parts_}.first(count_);
  }
  /// After a read: brings what went through our memory to the object's.
  void complete_read() const noexcept;

private:
  void add(std::byte* bytes, uint64_t length) noexcept {
    if (length != 0)
      parts_[count_++] = {bytes, length};
  }

  const l2_item& item_;
  uint64_t header_bytes_;
  block_memory header_;
  block_memory rest_;      // the padded end of the object, or all of it
  uint64_t own_bytes_ = 0; // first bytes of the object that need no copy
  std::array<iovec, 3> parts_{};
  size_t count_ = 0;
  int error_ = 0;
};

/// Moves all bytes of `parts`, which it uses up, to or from the device. Returns 0 or -errno.
runtime::ring_step<int64_t>
move_parts(runtime::io_backend& io, int fd, bool writing, std::span<iovec> parts, uint64_t offset,
           runtime::io_time deadline);

} // namespace actord
