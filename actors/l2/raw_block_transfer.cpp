#include "actors/l2/raw_block_transfer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace actord {

slot_transfer::slot_transfer(raw_block_device& device, const l2_item& item, bool writing)
  : item_{item}, header_bytes_{device.layout->config().header_bytes}, header_{header_bytes_} {
  const auto length = item.object.length_bytes;
  const auto padded = device.direct ? device.layout->whole_blocks(length) : length;
  add(header_.data(), header_bytes_);
  const auto block = std::min(device.layout->config().block_align_bytes, direct_block_bytes);
  const auto aligned = reinterpret_cast<uintptr_t>(item.bytes) % block == 0;
  if (!device.direct || (aligned && (padded == length || (!writing && padded <= item.room_bytes))))
    own_bytes_ = padded;
  else if (aligned)
    own_bytes_ = length / device.layout->config().block_align_bytes
                 * device.layout->config().block_align_bytes;
  else
    ++device.counters.bounced;
  add(item.bytes, own_bytes_);
  if (const auto rest = padded - own_bytes_; rest != 0) {
    rest_ = block_memory{rest};
    if (!rest_)
      error_ = ENOMEM;
    if (rest_ && writing) {
      std::memcpy(rest_.data(), item.bytes + own_bytes_, length - own_bytes_);
      std::memset(rest_.data() + (length - own_bytes_), 0, padded - length);
    }
    add(rest_.data(), rest);
  }
  if (!header_)
    error_ = ENOMEM;
}

void slot_transfer::complete_read() const noexcept {
  if (const auto length = item_.object.length_bytes; own_bytes_ < length)
    std::memcpy(item_.bytes + own_bytes_, rest_.data(), length - own_bytes_);
}

runtime::ring_step<int64_t>
move_parts(runtime::io_backend& io, int fd, bool writing, std::span<iovec> parts, uint64_t offset,
           runtime::io_time deadline) {
  while (!parts.empty()) {
    int64_t moved = 0;
    if (writing)
      moved = co_await io.writev(fd, parts.data(), parts.size(), offset, deadline);
    else
      moved = co_await io.readv(fd, parts.data(), parts.size(), offset, deadline);
    if (moved < 0)
      co_return moved;
    if (moved == 0)
      co_return -EIO; // the device ends here
    auto left = static_cast<uint64_t>(moved);
    offset += left;
    while (left != 0) {
      auto& part = parts.front();
      const auto count = std::min<uint64_t>(left, part.iov_len);
      part.iov_base = static_cast<std::byte*>(part.iov_base) + count;
      part.iov_len -= count;
      left -= count;
      if (part.iov_len == 0)
        parts = parts.subspan(1);
    }
    if (!parts.empty() && io.now() >= deadline)
      co_return -ETIMEDOUT;
  }
  co_return 0;
}

} // namespace actord
