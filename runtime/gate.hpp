// Lets a coroutine wait until enough has happened, or for so long.
#pragma once

#include "runtime/task.hpp"

#include <coroutine>
#include <memory>
#include <utility>

namespace actord::runtime {

/// Belongs to one actor: whoever opens it does so inside that actor, and the coroutine goes on at
/// once on the opener's stack. One waiter; opening twice is harmless.
class gate {
public:
  void open() {
    open_ = true;
    if (auto frame = std::exchange(frame_, nullptr))
      frame->resume();
  }

  bool is_open() const noexcept {
    return open_;
  }

  auto wait() noexcept {
    struct awaiter {
      gate& of;
      bool await_ready() const noexcept {
        return of.open_;
      }
      void await_suspend(std::coroutine_handle<> handle) {
        of.frame_ = std::make_unique<parked_frame>(handle);
      }
      void await_resume() const noexcept {
      }
    };
    return awaiter{*this};
  }

private:
  bool open_ = false;
  std::unique_ptr<parked_frame> frame_;
};

} // namespace actord::runtime
