// A mailbox that drops droppable messages when it is full, and counts what it does.
#pragma once

#include <caf/mailbox_element.hpp>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace actord::runtime {

/// What a bounded mailbox has done so far. admitted + dropped = offered; handled + thrown =
/// admitted when idle.
struct mailbox_counts {
  uint64_t admitted = 0, dropped = 0, thrown = 0, waiting = 0;
};

/// Mixin for a typed actor's base class: asynchronous messages of type `Event` are admitted while
/// fewer than `capacity` of them wait, else counted and dropped on the sender's thread. Requests,
/// down and exit messages always pass. A handler that throws is counted and does not end the actor.
/// The policy is the only place that counts.
template <class Base, class Event>
class bounded_mailbox : public Base {
public:
  template <class... Ts>
  bounded_mailbox(caf::actor_config& cfg, size_t capacity, Ts&&... xs)
    : Base(cfg, std::forward<Ts>(xs)...), capacity_(capacity) {
    assert(capacity > 0);
  }

  using Base::enqueue; // keep the inherited overloads visible

  /// Runs on the sender's thread: touches nothing but the atomics.
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* unit) override {
    const bool droppable
      = message->mid.is_async() && message->content().template match_elements<Event>();
    if (droppable && !admit())
      return; // `message` dies here; nobody awaits a reply to an asynchronous message
    Base::enqueue(std::move(message), unit);
  }

  mailbox_counts counts() const noexcept {
    return {admitted_.load(std::memory_order_relaxed), dropped_.load(std::memory_order_relaxed),
            thrown_.load(std::memory_order_relaxed), waiting_.load(std::memory_order_relaxed)};
  }

protected:
  /// The body of the handler of `Event`: frees its place, runs `body`, and counts what it throws.
  /// CAF 0.17.6 ends an actor whose handler throws, whatever its exception handler returns, so
  /// nothing may get that far.
  template <class Body>
  void handle(Body body) {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    try {
      body();
    } catch (...) {
      thrown_.fetch_add(1, std::memory_order_relaxed);
    }
  }

private:
  bool admit() noexcept {
    auto waiting = waiting_.load(std::memory_order_relaxed);
    while (waiting < capacity_)
      if (waiting_.compare_exchange_weak(waiting, waiting + 1, std::memory_order_relaxed)) {
        admitted_.fetch_add(1, std::memory_order_relaxed);
        return true;
      }
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }

  const size_t capacity_;
  std::atomic<size_t> waiting_ = 0;
  std::atomic<uint64_t> admitted_ = 0, dropped_ = 0, thrown_ = 0;
};

} // namespace actord::runtime
