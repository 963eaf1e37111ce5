// What reading and writing of files share: when they may go around the page cache.
#pragma once

#include "actors/l2/fs_volume.hpp"

#include <chrono>
#include <cstdint>

namespace actord {

// Of file offsets, lengths and memory: what every disk and file system in use takes.
constexpr uint64_t fs_block_bytes = 4096;

constexpr uint64_t fs_round_up(uint64_t bytes) {
  return (bytes + fs_block_bytes - 1) / fs_block_bytes * fs_block_bytes;
}

/// When tidying up after a failure ends at the latest: it must not hang as what failed did.
inline runtime::io_time fs_tidy_deadline(const runtime::io_backend& io) {
  constexpr std::chrono::seconds limit{2};
  return io.now() + limit;
}

/// Whether this object's memory can be moved in whole blocks.
inline bool fs_can_be_direct(const fs_volume& volume, const l2_item& item) {
  return volume.options.use_odirect && volume.direct
         && reinterpret_cast<uintptr_t>(item.bytes) % fs_block_bytes == 0
         && item.object.length_bytes <= UINT64_MAX - fs_block_bytes
         && fs_round_up(item.object.length_bytes) <= item.room_bytes;
}

} // namespace actord
