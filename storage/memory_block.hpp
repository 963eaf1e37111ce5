// Numbered records that never move: set aside at once, or page by page.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace actord {

/// Gives back what std::calloc gave.
struct calloc_deleter {
  void operator()(void* block) const noexcept {
    std::free(block);
  }
};

/// Zeroed memory of which the system backs only the pages that are touched.
/// Throws std::bad_alloc (tables are made while starting up).
template <class T>
std::unique_ptr<T, calloc_deleter> zeroed(size_t count) {
  auto* block = std::calloc(count + 1, sizeof(T));
  if (block == nullptr)
    throw std::bad_alloc{};
  return std::unique_ptr<T, calloc_deleter>{static_cast<T*>(block)};
}

/// Address space for `capacity` records, set aside at once: for tables whose
/// bound is known and near what they will hold.
template <class T>
class reserved_block {
public:
  explicit reserved_block(uint32_t capacity) : block_{zeroed<T>(capacity)} {
  }
  T& operator[](uint32_t number) noexcept {
    return block_.get()[number];
  }
  const T& operator[](uint32_t number) const noexcept {
    return block_.get()[number];
  }
  /// @pre number < capacity
  T& make(uint32_t number) noexcept {
    return (*this)[number];
  }
  /// When the records below `touched` were used.
  uint64_t bytes(uint32_t touched) const noexcept {
    return uint64_t{touched} * sizeof(T);
  }

private:
  std::unique_ptr<T, calloc_deleter> block_;
};

/// Grows by pages, so that growth never stalls: for tables whose bound is far
/// above what most of them will hold.
template <class T>
class paged_block {
public:
  paged_block() = default;
  /// As reserved_block is made; nothing is set aside.
  explicit paged_block(uint32_t) {
  }
  T& operator[](uint32_t number) noexcept {
    return (*pages_[number / page_records])[number % page_records];
  }
  const T& operator[](uint32_t number) const noexcept {
    return (*pages_[number / page_records])[number % page_records];
  }
  /// Makes `number` and all below valid.
  T& make(uint32_t number) {
    while (pages_.size() <= number / page_records)
      pages_.push_back(std::make_unique<page>());
    return (*this)[number];
  }
  uint64_t bytes() const noexcept {
    return pages_.size() * (sizeof(page) + sizeof(pages_[0]));
  }
  uint64_t bytes(uint32_t) const noexcept {
    return bytes();
  }

private:
  static constexpr uint32_t page_records = 1024;
  using page = std::array<T, page_records>;
  std::vector<std::unique_ptr<page>> pages_;
};

} // namespace actord
