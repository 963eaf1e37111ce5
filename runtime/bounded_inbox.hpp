// A queue of many producers and one consumer that refuses what is beyond its bound.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace actord::runtime {

/// What an inbox has done so far: admitted + dropped = offered; taken = admitted when idle.
struct inbox_counts {
  uint64_t admitted = 0, dropped = 0, waiting = 0;
};

/// Any thread pushes, without a lock; one thread at a time takes everything at once. The bound is
/// exact: a place is taken before the value goes in, and is free again once the value is out.
/// The values of one producer come out in the order in which they went in.
template <class T>
class bounded_inbox {
public:
  /// @pre capacity > 0
  explicit bounded_inbox(size_t capacity) : capacity_(capacity) {
    assert(capacity > 0);
  }
  bounded_inbox(const bounded_inbox&) = delete;
  bounded_inbox& operator=(const bounded_inbox&) = delete;
  ~bounded_inbox() {
    take_all();
  }

  /// Returns how many values wait now, this one included; 0 when it was dropped. A push that gets 1
  /// wakes the consumer; a consumer that still sees values waiting after a take comes again by
  /// itself, for their pushes were under way and may have got other numbers.
  size_t push(T value) {
    const auto waiting = admit();
    if (waiting == 0)
      return 0;
    auto* fresh = new node{std::move(value), head_.load(std::memory_order_relaxed)};
    while (!head_.compare_exchange_weak(fresh->next, fresh, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
    return waiting;
  }

  /// Everything that has arrived, oldest first.
  std::vector<T> take_all() {
    std::vector<T> result;
    for (auto* at = head_.exchange(nullptr, std::memory_order_acquire); at;) {
      result.push_back(std::move(at->value));
      delete std::exchange(at, at->next);
    }
    std::reverse(result.begin(), result.end());
    waiting_.fetch_sub(result.size(), std::memory_order_relaxed);
    return result;
  }

  /// From now on every push is dropped, and counted so.
  void close() noexcept {
    capacity_.store(0, std::memory_order_relaxed);
  }

  inbox_counts counts() const noexcept {
    return {admitted_.load(std::memory_order_relaxed), dropped_.load(std::memory_order_relaxed),
            waiting_.load(std::memory_order_relaxed)};
  }

private:
  struct node {
    T value;
    node* next;
  };

  size_t admit() noexcept {
    auto waiting = waiting_.load(std::memory_order_relaxed);
    while (waiting < capacity_.load(std::memory_order_relaxed))
      if (waiting_.compare_exchange_weak(waiting, waiting + 1, std::memory_order_relaxed)) {
        admitted_.fetch_add(1, std::memory_order_relaxed);
        return waiting + 1;
      }
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return 0;
  }

  std::atomic<size_t> capacity_;
  std::atomic<size_t> waiting_ = 0;
  std::atomic<uint64_t> admitted_ = 0, dropped_ = 0;
  std::atomic<node*> head_ = nullptr;
};

} // namespace actord::runtime
