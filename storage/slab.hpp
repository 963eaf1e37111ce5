// Numbered records of one size, taken and given back.
#pragma once

#include "storage/memory_block.hpp"

#include <cassert>
#include <cstdint>
#include <limits>
#include <new>
#include <type_traits>

namespace actord {

/// The number of no record.
constexpr uint32_t nil = std::numeric_limits<uint32_t>::max();

/// Up to `capacity` records of type T, numbered from 0. A record never moves;
/// records that were given back are reused first, so that the touched memory
/// follows the largest number in use. T is trivially copyable and has a member
/// `uint32_t next`, which links the free records.
template <class T, class Block = reserved_block<T>>
class slab {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
  explicit slab(uint32_t capacity) : records_(capacity), capacity_{capacity} {
    assert(capacity < nil);
  }

  /// A fresh T{}; nil when all are in use.
  uint32_t take() {
    auto result = free_;
    if (result != nil)
      free_ = (*this)[result].next;
    else if (touched_ < capacity_)
      result = touched_++;
    else
      return nil;
    ::new (static_cast<void*>(&records_.make(result))) T{};
    ++in_use_;
    return result;
  }

  void give(uint32_t number) {
    assert(number < touched_ && in_use_ > 0);
    (*this)[number].next = free_;
    free_ = number;
    --in_use_;
  }

  T& operator[](uint32_t number) noexcept {
    return records_[number];
  }
  const T& operator[](uint32_t number) const noexcept {
    return records_[number];
  }

  uint32_t in_use() const noexcept {
    return in_use_;
  }
  /// All numbers ever taken are below.
  uint32_t touched() const noexcept {
    return touched_;
  }
  uint32_t capacity() const noexcept {
    return capacity_;
  }
  uint64_t touched_bytes() const noexcept {
    return records_.bytes(touched_);
  }

private:
  Block records_;
  uint32_t capacity_;
  uint32_t touched_ = 0;
  uint32_t in_use_ = 0;
  uint32_t free_ = nil;
};

} // namespace actord
