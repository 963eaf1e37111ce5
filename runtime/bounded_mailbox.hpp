// A mailbox that drops droppable messages when it is full, and counts what it does.
#pragma once

#include <caf/mailbox_element.hpp>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

namespace actord::runtime {

/// What a bounded mailbox has done so far, in units of weight. admitted + dropped = offered;
/// handled + thrown + waiting = admitted between messages.
struct mailbox_counts {
  uint64_t admitted = 0, dropped = 0, handled = 0, thrown = 0, waiting = 0;
};

/// The counters of one mailbox. They outlive their actor, so that a scrape may read them any time.
class mailbox_meter {
public:
  mailbox_counts read() const noexcept {
    auto get
      = [](const std::atomic<uint64_t>& from) { return from.load(std::memory_order_relaxed); };
    return {get(admitted_), get(dropped_), get(handled_), get(thrown_), get(waiting_)};
  }

private:
  template <class, class>
  friend class bounded_mailbox;

  bool admit(uint64_t weight, uint64_t capacity) noexcept {
    auto waiting = waiting_.load(std::memory_order_relaxed);
    while (weight <= capacity && waiting <= capacity - weight)
      if (waiting_.compare_exchange_weak(waiting, waiting + weight, std::memory_order_relaxed)) {
        admitted_.fetch_add(weight, std::memory_order_relaxed);
        return true;
      }
    dropped_.fetch_add(weight, std::memory_order_relaxed);
    return false;
  }

  std::atomic<uint64_t> admitted_ = 0, dropped_ = 0, handled_ = 0, thrown_ = 0, waiting_ = 0;
};

/// How many places a message takes; overload it beside the type of a message that takes more.
template <class Event>
uint64_t mailbox_weight(const Event&) {
  return 1;
}

/// Mixin for a typed actor's base class: asynchronous messages of type `Event` are admitted while
/// they fit among `capacity` places, else counted and dropped on the sender's thread. Requests,
/// down and exit messages always pass. A handler that throws is counted and does not end the actor.
/// The policy is the only place that counts.
template <class Base, class Event>
class bounded_mailbox : public Base {
public:
  bounded_mailbox(caf::actor_config& cfg, size_t capacity,
                  std::shared_ptr<mailbox_meter> meter = std::make_shared<mailbox_meter>())
    : Base(cfg), capacity_(capacity), meter_(std::move(meter)) {
    assert(capacity > 0);
  }

  using Base::enqueue; // keep the inherited overloads visible

  /// Runs on the sender's thread: touches nothing but the atomics.
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* unit) override {
    const bool droppable
      = message->mid.is_async() && message->content().template match_elements<Event>();
    if (droppable
        && !meter_->admit(mailbox_weight(message->content().template get_as<Event>(0)), capacity_))
      return; // `message` dies here; nobody awaits a reply to an asynchronous message
    Base::enqueue(std::move(message), unit);
  }

  mailbox_counts counts() const noexcept {
    return meter_->read();
  }

protected:
  /// Runs `body` for one place of an admitted message, frees that place, and counts what it
  /// throws; then `failed` gets the text. CAF 0.17.6 ends an actor whose handler throws, whatever
  /// its exception handler returns, so nothing may get that far.
  template <class Body, class Failed>
  void handle(Body&& body, Failed&& failed) {
    meter_->waiting_.fetch_sub(1, std::memory_order_relaxed);
    try {
      body();
      meter_->handled_.fetch_add(1, std::memory_order_relaxed);
    } catch (const std::exception& fault) {
      meter_->thrown_.fetch_add(1, std::memory_order_relaxed);
      failed(fault.what());
    } catch (...) {
      meter_->thrown_.fetch_add(1, std::memory_order_relaxed);
      failed("not a standard exception");
    }
  }
  template <class Body>
  void handle(Body&& body) {
    handle(std::forward<Body>(body), [](const char*) {});
  }

private:
  const uint64_t capacity_;
  std::shared_ptr<mailbox_meter> meter_;
};

} // namespace actord::runtime
