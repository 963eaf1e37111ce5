// Coroutines that live inside one actor.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace actord::runtime {

/// A coroutine bound to one actor. It starts on the actor's own stack and resumes only inside that
/// actor's response handlers, so it may touch the actor's state without locks. Results leave
/// through a `reply`.
///
/// Write it as a free function with by-value parameters: the frame then owns all it needs. After a
/// `co_await` the actor's state may have changed; look things up again. Name the arguments of an
/// awaited call and write no `condition ? co_await a : co_await b`: g++ 12 destroys
/// brace-initialised temporaries of a co_await expression, and the operands of such a choice, twice
/// (GCC bug 104031).
class task {
public:
  struct promise_type {
    task get_return_object() noexcept {
      return {};
    }
    std::suspend_never initial_suspend() noexcept {
      return {};
    }
    std::suspend_never final_suspend() noexcept {
      return {};
    }
    void return_void() noexcept {
    }
    void unhandled_exception() noexcept {
      std::terminate(); // Errors are values; a throwing task is a bug.
    }
  };
};

/// Owns a suspended coroutine. Destroys the frame when nobody resumed it, for example because CAF
/// dropped the response handlers of a terminated actor.
class parked_frame {
public:
  explicit parked_frame(std::coroutine_handle<> frame) noexcept : frame_(frame) {
  }
  parked_frame(const parked_frame&) = delete;
  parked_frame& operator=(const parked_frame&) = delete;
  ~parked_frame() {
    if (frame_)
      frame_.destroy();
  }

  void resume() {
    std::exchange(frame_, nullptr).resume();
  }

private:
  std::coroutine_handle<> frame_;
};

} // namespace actord::runtime
