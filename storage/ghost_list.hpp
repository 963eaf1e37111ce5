// Remembered departed columns.
#pragma once

#include "storage/column_list.hpp"
#include "storage/fingerprint_table.hpp"

#include <optional>

namespace actord {

/// Fingerprints of columns that were evicted, each with a number, oldest first.
class ghost_list {
public:
  explicit ghost_list(uint32_t limit) : ghosts_{limit} {
  }

  /// Remembers a fingerprint as the newest; when the table is full the oldest
  /// goes.
  void push(uint64_t fingerprint, uint32_t value) {
    if (ghosts_.capacity() == 0)
      return;
    take(fingerprint);
    if (ghosts_.size() == ghosts_.capacity())
      drop_oldest();
    auto number = ghosts_.insert(fingerprint);
    ghosts_[number].value = value;
    order_.push_newest(*this, number);
  }

  /// Forgets a fingerprint and returns its number.
  std::optional<uint32_t> take(uint64_t fingerprint) {
    auto number = ghosts_.find(fingerprint, [](const ghost&) { return true; });
    if (number == nil)
      return std::nullopt;
    auto value = ghosts_[number].value;
    erase(number);
    return value;
  }

  void drop_oldest() {
    erase(order_.oldest());
  }
  void trim(size_t limit) {
    while (size() > limit)
      drop_oldest();
  }

  size_t size() const noexcept {
    return ghosts_.size();
  }
  uint64_t bytes() const noexcept {
    return ghosts_.touched_bytes() + links_.bytes();
  }

private:
  friend class column_list;

  struct ghost {
    uint64_t fingerprint = 0;
    uint32_t next = nil;
    uint32_t value = 0;
  };
  struct link {
    uint32_t prev = nil, next = nil;
  };

  link& operator[](uint32_t number) {
    return links_.make(number);
  }
  void erase(uint32_t number) {
    order_.remove(*this, number);
    ghosts_.erase(number);
  }

  fingerprint_table<ghost> ghosts_;
  node_table<link> links_;
  column_list order_;
};

} // namespace actord
