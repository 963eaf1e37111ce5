#include "storage/pool_allocator.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace actord {

pool_allocator::pool_allocator(uint64_t alignment_bytes) : alignment_bytes_{alignment_bytes} {
  assert(std::has_single_bit(alignment_bytes));
}

void pool_allocator::grow(uint64_t bytes) {
  assert(bytes % alignment_bytes_ == 0 && total_bytes_ + bytes >= total_bytes_);
  if (bytes == 0)
    return;
  auto offset = total_bytes_;
  total_bytes_ += bytes;
  free_bytes_ += bytes;
  insert_free(offset, bytes);
}

bool pool_allocator::allocate(std::span<const uint64_t> sizes_bytes,
                              std::vector<uint64_t>& offsets) {
  auto before = offsets.size();
  auto roll_back = [&] {
    for (auto i = before; i < offsets.size(); ++i)
      free(offsets[i], sizes_bytes[i - before]);
    offsets.resize(before);
    return false;
  };
  for (size_t i = 0; i < sizes_bytes.size();) {
    assert(sizes_bytes[i] > 0);
    if (sizes_bytes[i] > free_bytes_)
      return roll_back();
    auto size = aligned(sizes_bytes[i]);
    auto last = std::find_if(sizes_bytes.begin() + static_cast<ptrdiff_t>(i), sizes_bytes.end(),
                             [&](uint64_t other) { return other != sizes_bytes[i]; });
    auto count = static_cast<size_t>(last - sizes_bytes.begin()) - i;
    // Hopeless batches fail before they take the pool apart.
    if (count > free_bytes_ / size)
      return roll_back();
    while (count > 0) {
      auto taken = carve(size, count, offsets);
      if (taken == 0)
        return roll_back();
      count -= taken;
      i += taken;
    }
  }
  return true;
}

size_t pool_allocator::carve(uint64_t size, size_t count, std::vector<uint64_t>& offsets) {
  auto best = by_size_.lower_bound({size, 0});
  if (best == by_size_.end())
    return 0;
  // What remains of the best fit is smaller than any other candidate, hence
  // still the best fit: all blocks that it holds come off in one step.
  auto [range_bytes, offset] = *best;
  auto taken = std::min<uint64_t>(count, range_bytes / size);
  for (uint64_t i = 0; i < taken; ++i)
    offsets.push_back(offset + i * size);
  auto carved_bytes = taken * size;
  free_bytes_ -= carved_bytes;
  auto size_node = by_size_.extract(best);
  auto offset_node = by_offset_.extract(offset);
  if (range_bytes > carved_bytes) {
    size_node.value() = {range_bytes - carved_bytes, offset + carved_bytes};
    by_size_.insert(std::move(size_node));
    offset_node.key() = offset + carved_bytes;
    offset_node.mapped() = range_bytes - carved_bytes;
    by_offset_.insert(std::move(offset_node));
  }
  return static_cast<size_t>(taken);
}

void pool_allocator::free(uint64_t offset, uint64_t size_bytes) {
  auto size = aligned(size_bytes);
  assert(size_bytes > 0 && offset % alignment_bytes_ == 0);
  assert(offset < total_bytes_ && size <= total_bytes_ - offset);
  free_bytes_ += size;
  insert_free(offset, size);
}

void pool_allocator::insert_free(uint64_t offset, uint64_t size) {
  auto after = by_offset_.lower_bound(offset);
  assert(after == by_offset_.end() || offset + size <= after->first);
  if (after != by_offset_.end() && offset + size == after->first) {
    size += after->second;
    by_size_.erase({after->second, after->first});
    after = by_offset_.erase(after);
  }
  if (after != by_offset_.begin()) {
    auto before = std::prev(after);
    assert(before->first + before->second <= offset);
    if (before->first + before->second == offset) {
      auto node = by_size_.extract({before->second, before->first});
      before->second += size;
      node.value() = {before->second, before->first};
      by_size_.insert(std::move(node));
      return;
    }
  }
  by_offset_.emplace_hint(after, offset, size);
  by_size_.emplace(size, offset);
}

bool pool_allocator::consistent() const {
  uint64_t sum = 0, end = 0;
  bool first = true;
  for (auto [offset, size] : by_offset_) {
    if (size == 0 || offset % alignment_bytes_ != 0 || size % alignment_bytes_ != 0)
      return false;
    if (!first && offset <= end)
      return false;
    if (!by_size_.contains({size, offset}))
      return false;
    first = false;
    end = offset + size;
    sum += size;
  }
  return sum == free_bytes_ && by_size_.size() == by_offset_.size() && end <= total_bytes_;
}

} // namespace actord
