// Lets a thread that owns something CAF does not know (a ZeroMQ socket) run actors itself.
#pragma once

#include <caf/actor.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>

namespace actord::runtime {

/// An execution unit for one foreign thread. A message enqueued with this unit wakes its receiver
/// here instead of on the scheduler, so hops cost function calls and no thread wake-up (measured
/// for lookup + status + end: 330-384 µs here, 470-540 through the `sharing` scheduler). An actor
/// that is running elsewhere keeps running there.
///
/// The owning thread polls `wake_fd` beside its own descriptors, then calls `run`. Any thread may
/// call `exec_later`: an actor that routes its `enqueue` through this unit is thereby pinned to the
/// owning thread.
class thread_unit final : public caf::execution_unit {
public:
  explicit thread_unit(caf::actor_system* system);
  ~thread_unit() override;

  /// Makes the calling thread the owner. Once, before `run`.
  void adopt() noexcept;

  /// Called by CAF (or by a pinned actor's enqueue) when an actor becomes runnable. Thread-safe.
  void exec_later(caf::resumable* job) override;

  /// Resumes what is runnable, at most `turns` messages, so that a chatty actor cannot starve the
  /// socket. Owner only. Returns whether something is left to run.
  bool run(std::size_t turns);

  /// An eventfd that is readable when another thread made an actor runnable here.
  int wake_fd() const noexcept {
    return wake_fd_;
  }

  /// Wakes the owning thread from its poll. Thread-safe.
  void wake() noexcept;

private:
  void take_remote();

  int wake_fd_;
  std::thread::id owner_;
  std::deque<caf::resumable*> ready_; // owner only
  std::atomic<bool> woken_ = false;
  std::mutex remote_mutex_;
  std::deque<caf::resumable*> remote_; // guarded by remote_mutex_
};

/// Mixin: whoever sends to this actor, it runs on the thread of its unit. `Base` is a typed actor's
/// base class.
template <class Base>
class pinned : public Base {
public:
  pinned(caf::actor_config& cfg, thread_unit& unit) : Base(cfg), unit_(unit) {
  }

  using Base::enqueue; // keep the inherited overloads visible

  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) override {
    Base::enqueue(std::move(message), &unit_);
  }

private:
  thread_unit& unit_;
};

} // namespace actord::runtime
