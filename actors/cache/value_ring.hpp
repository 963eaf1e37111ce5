// A queue of plain values that asks for memory only while it grows.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace actord {

/// First in, first out, many at a time: one copy in, one copy out. std::deque would allocate and
/// free a node for every 512 bytes that pass through it, and as its nodes live long they break up
/// the memory that short-lived buffers take turns in. Keeps the memory of its largest size, doubled
/// at most.
template <class T>
class value_ring {
  static_assert(std::is_trivially_copyable_v<T>);

public:
  size_t size() const {
    return size_;
  }

  /// @pre index < size()
  const T& operator[](size_t index) const {
    assert(index < size_);
    return slots_[place(index)];
  }

  void append(const T& value) {
    append(std::span{&value, 1});
  }

  void append(std::span<const T> values) {
    if (size_ + values.size() > slots_.size())
      grow(size_ + values.size());
    const auto end = place(size_);
    const auto straight = std::min(values.size(), slots_.size() - end);
    std::copy_n(values.begin(), straight, slots_.begin() + static_cast<ptrdiff_t>(end));
    std::copy(values.begin() + static_cast<ptrdiff_t>(straight), values.end(), slots_.begin());
    size_ += values.size();
  }

  /// Forgets the first `count` values.
  /// @pre count <= size()
  void drop(size_t count) {
    assert(count <= size_);
    first_ = place(count);
    size_ -= count;
  }

  /// @pre first + count <= size()
  std::vector<T> copy(size_t first, size_t count) const {
    assert(first + count <= size_);
    std::vector<T> result;
    result.reserve(count);
    const auto begin = slots_.begin() + static_cast<ptrdiff_t>(place(first));
    const auto straight = std::min(count, static_cast<size_t>(slots_.end() - begin));
    result.assign(begin, begin + static_cast<ptrdiff_t>(straight));
    result.insert(result.end(), slots_.begin(),
                  slots_.begin() + static_cast<ptrdiff_t>(count - straight));
    return result;
  }

private:
  size_t place(size_t index) const {
    const auto sum = first_ + index;
    return sum < slots_.size() ? sum : sum - slots_.size();
  }

  void grow(size_t least) {
    auto kept = copy(0, size_);
    kept.resize(std::max(least, 2 * slots_.size()));
    slots_ = std::move(kept);
    first_ = 0;
  }

  std::vector<T> slots_;
  size_t first_ = 0, size_ = 0;
};

} // namespace actord
