// co_await something that another thread finishes.
#pragma once

#include "runtime/task.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/behavior.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/unit.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace actord::runtime {

/// Awaits a value that any thread hands in, once:
/// `auto report = co_await external<l2_report>{self, [&](auto done) { store.load(batch, done); }};`
///
/// `start` runs on the actor's own stack and may call `done` at once. The coroutine goes on inside
/// the actor, as with any response. When the actor ends first, its frame is gone and the value is
/// dropped: what the other thread works on must be owned by what it was given, not by the frame.
template <class T>
class [[nodiscard]] external {
public:
  using done = std::function<void(T)>;

  external(caf::scheduled_actor* self, std::function<void(done)> start)
    : self_(self), start_(std::move(start)) {
  }

  bool await_ready() const noexcept {
    return false;
  }

  void await_suspend(std::coroutine_handle<> handle) {
    auto id = self_->new_request_id(caf::message_priority::normal).response_id();
    self_->add_multiplexed_response_handler(
      id, caf::behavior{
            [frame = std::make_shared<parked_frame>(handle)](caf::unit_t) { frame->resume(); }});
    // `start` may resume nothing now, but it is a member of the frame: it must not be destroyed
    // while it runs, which a value from another thread could cause. So it moves out first.
    auto start = std::move(start_);
    start([owner = caf::strong_actor_ptr{self_->ctrl()}, id, slot = value_](T value) {
      slot->emplace(std::move(value));
      owner->enqueue(caf::make_mailbox_element(nullptr, id, {}, caf::unit), nullptr);
    });
  }

  T await_resume() {
    return std::move(**value_);
  }

private:
  caf::scheduled_actor* self_;
  std::function<void(done)> start_;
  std::shared_ptr<std::optional<T>> value_ = std::make_shared<std::optional<T>>();
};

} // namespace actord::runtime
