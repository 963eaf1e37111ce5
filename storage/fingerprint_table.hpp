// A hash table that grows by one bucket at a time.
#pragma once

#include "storage/slab.hpp"

#include <algorithm>
#include <bit>

namespace actord {

/// Records of type T found by 64-bit fingerprint. Linear hashing (Litwin 1980)
/// with chains through the records: each insertion splits at most one bucket,
/// so nothing ever stalls for a rehash, and the touched part of the bucket
/// array follows the number of records. No tombstones. T has `uint64_t
/// fingerprint` and `uint32_t next`, which belong to the table. Block is where
/// records and buckets lie: reserved_block or paged_block.
template <class T, template <class> class Block = reserved_block>
class fingerprint_table {
public:
  explicit fingerprint_table(uint32_t capacity)
    : records_{capacity}, buckets_(std::max(capacity, first_buckets)) {
    buckets_.make(first_buckets - 1);
  }

  /// The first record of that fingerprint which `matches(record)`; nil if there
  /// is none.
  template <class Matches>
  uint32_t find(uint64_t fingerprint, const Matches& matches) const {
    auto at = head(bucket_of(fingerprint));
    while (at != nil) {
      const auto& record = records_[at];
      if (record.fingerprint == fingerprint && matches(record))
        return at;
      at = record.next;
    }
    return nil;
  }

  /// A fresh record; nil when the table is full.
  uint32_t insert(uint64_t fingerprint) {
    auto result = records_.take();
    if (result == nil)
      return nil;
    records_[result].fingerprint = fingerprint;
    push(bucket_of(fingerprint), result);
    if (records_.in_use() > bucket_count_)
      split();
    return result;
  }

  void erase(uint32_t number) {
    auto bucket = bucket_of(records_[number].fingerprint);
    auto at = head(bucket);
    if (at == number) {
      set_head(bucket, records_[number].next);
    } else {
      while (records_[at].next != number)
        at = records_[at].next;
      records_[at].next = records_[number].next;
    }
    records_.give(number);
  }

  T& operator[](uint32_t number) noexcept {
    return records_[number];
  }
  const T& operator[](uint32_t number) const noexcept {
    return records_[number];
  }

  uint32_t size() const noexcept {
    return records_.in_use();
  }
  uint32_t capacity() const noexcept {
    return records_.capacity();
  }
  /// All numbers ever used are below.
  uint32_t touched() const noexcept {
    return records_.touched();
  }
  uint64_t touched_bytes() const noexcept {
    return records_.touched_bytes() + buckets_.bytes(bucket_count_);
  }

private:
  static constexpr uint32_t first_buckets = 16;

  uint32_t bucket_of(uint64_t fingerprint) const noexcept {
    auto bucket = static_cast<uint32_t>(fingerprint) & mask_;
    return bucket < bucket_count_ ? bucket : bucket & (mask_ >> 1);
  }

  // Buckets hold number + 1: zeroed memory is empty.
  uint32_t head(uint32_t bucket) const noexcept {
    return buckets_[bucket] - 1;
  }
  void set_head(uint32_t bucket, uint32_t number) noexcept {
    buckets_[bucket] = number + 1;
  }
  void push(uint32_t bucket, uint32_t number) noexcept {
    records_[number].next = head(bucket);
    set_head(bucket, number);
  }

  void split() {
    auto fresh = bucket_count_;
    buckets_.make(fresh);
    if (fresh > mask_)
      mask_ = 2 * mask_ + 1;
    ++bucket_count_;
    auto old = fresh & (mask_ >> 1);
    auto at = head(old);
    set_head(old, nil);
    while (at != nil) {
      auto next = records_[at].next;
      push(bucket_of(records_[at].fingerprint), at);
      at = next;
    }
  }

  slab<T, Block<T>> records_;
  Block<uint32_t> buckets_;
  uint32_t bucket_count_ = first_buckets;
  uint32_t mask_ = first_buckets - 1;
};

} // namespace actord
