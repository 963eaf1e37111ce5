// Values under ids that are never used twice.
#pragma once

#include "storage/slab.hpp"

#include <deque>
#include <utility>

namespace actord {

/// An id is a sequence number (40 bits) and a slot (24 bits): a late id finds
/// nothing, without hashing. Keeps the order of creation, for expiry.
/// References stay valid until `erase`.
template <class T>
class id_table {
public:
  /// 0, the id of nothing, when 2^24 values are held.
  uint64_t create(T value) {
    auto slot = free_;
    if (slot != nil) {
      free_ = entries_[slot].next;
    } else {
      if (entries_.size() > slot_mask)
        return 0;
      slot = static_cast<uint32_t>(entries_.size());
      entries_.emplace_back();
    }
    auto& entry = entries_[slot];
    entry.id = ++sequence_ << slot_bits | slot;
    entry.value = std::move(value);
    entry.prev = newest_;
    entry.next = nil;
    (newest_ == nil ? oldest_ : entries_[newest_].next) = slot;
    newest_ = slot;
    ++size_;
    return entry.id;
  }

  T* find(uint64_t id) noexcept {
    auto slot = slot_of(id);
    return id != 0 && slot < entries_.size() && entries_[slot].id == id ? &entries_[slot].value
                                                                        : nullptr;
  }

  void erase(uint64_t id) {
    assert(find(id) != nullptr);
    auto slot = slot_of(id);
    auto& entry = entries_[slot];
    (entry.prev == nil ? oldest_ : entries_[entry.prev].next) = entry.next;
    (entry.next == nil ? newest_ : entries_[entry.next].prev) = entry.prev;
    entry.id = 0;
    entry.value = T{};
    entry.next = free_;
    free_ = slot;
    --size_;
  }

  /// The id that was created first; 0 when there is none.
  uint64_t oldest() const noexcept {
    return oldest_ == nil ? 0 : entries_[oldest_].id;
  }

  /// The id that was created next after this one; 0 when there is none.
  /// @pre `id` is held
  uint64_t after(uint64_t id) const noexcept {
    auto next = entries_[slot_of(id)].next;
    return next == nil ? 0 : entries_[next].id;
  }

  static uint32_t slot_of(uint64_t id) noexcept {
    return static_cast<uint32_t>(id & slot_mask);
  }
  T& at_slot(uint32_t slot) noexcept {
    return entries_[slot].value;
  }
  const T& at_slot(uint32_t slot) const noexcept {
    return entries_[slot].value;
  }
  size_t size() const noexcept {
    return size_;
  }

  template <class Visit>
  void for_each(const Visit& visit) const {
    for (auto slot = oldest_; slot != nil; slot = entries_[slot].next)
      visit(slot, entries_[slot].value);
  }

private:
  static constexpr unsigned slot_bits = 24;
  static constexpr uint64_t slot_mask = (uint64_t{1} << slot_bits) - 1;

  struct held {
    uint64_t id = 0;
    uint32_t prev = nil, next = nil;
    T value;
  };

  std::deque<held> entries_;
  uint64_t sequence_ = 0;
  size_t size_ = 0;
  uint32_t oldest_ = nil, newest_ = nil, free_ = nil;
};

} // namespace actord
