// Hands out aligned ranges of a pool by offset; the pool itself is somebody
// else's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace actord {

/// Best fit over address- and size-ordered free ranges: allocate and free are
/// O(log free ranges), neighbours coalesce at once. Offsets are multiples of
/// the alignment; sizes are rounded up to it.
class pool_allocator {
public:
  /// @pre `alignment_bytes` is a power of two
  explicit pool_allocator(uint64_t alignment_bytes = 4096);

  /// Adds `bytes` (a multiple of the alignment) behind the present end.
  void grow(uint64_t bytes);

  /// Appends one offset per size to `offsets`, or nothing at all and returns
  /// false. Equal sizes in a row lie side by side where the pool has room. Zero
  /// sizes are a bug.
  bool allocate(std::span<const uint64_t> sizes_bytes, std::vector<uint64_t>& offsets);

  /// Gives a range back. A range that is not allocated as a whole is a bug and
  /// asserts.
  void free(uint64_t offset, uint64_t size_bytes);

  uint64_t used_bytes() const noexcept {
    return total_bytes_ - free_bytes_;
  }
  /// Grown so far.
  uint64_t total_bytes() const noexcept {
    return total_bytes_;
  }
  uint64_t free_bytes() const noexcept {
    return free_bytes_;
  }
  uint64_t largest_free_bytes() const noexcept {
    return by_size_.empty() ? 0 : by_size_.rbegin()->first;
  }
  size_t free_ranges() const noexcept {
    return by_offset_.size();
  }
  /// @pre `size_bytes` does not overflow when rounded up
  uint64_t aligned(uint64_t size_bytes) const noexcept {
    return (size_bytes + alignment_bytes_ - 1) & ~(alignment_bytes_ - 1);
  }

  /// Whether both orders agree, free + used = total, and no two free ranges
  /// touch. O(free ranges).
  bool consistent() const;

private:
  using offset_map = std::map<uint64_t, uint64_t>; // offset -> size

  /// Carves up to `count` blocks of `size` off the best-fitting range; returns
  /// how many.
  size_t carve(uint64_t size, size_t count, std::vector<uint64_t>& offsets);
  void insert_free(uint64_t offset, uint64_t size);

  uint64_t alignment_bytes_;
  uint64_t total_bytes_ = 0;
  uint64_t free_bytes_ = 0;
  offset_map by_offset_;
  std::set<std::pair<uint64_t, uint64_t>> by_size_; // (size, offset)
};

} // namespace actord
