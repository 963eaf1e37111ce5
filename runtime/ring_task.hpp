// Coroutines that live on the thread of one io_backend.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace actord::runtime {

/// A coroutine that runs on the thread of one io_backend, from its start (in `post`ed work) to its
/// end. Fire and forget: it tells its result itself.
///
/// Write it as a free function that owns what it needs or has it owned until it ends; name the
/// arguments of an awaited call (see runtime/task.hpp).
class ring_task {
public:
  struct promise_type {
    ring_task get_return_object() noexcept {
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

/// A step of such a coroutine that awaits operations itself. It begins when it is awaited, once:
///   auto step = write_file(io, fd);
///   const auto error = co_await step;
/// Keep it in a variable as here: g++ 12 may destroy a temporary operand of co_await twice.
template <class T>
class [[nodiscard]] ring_step {
public:
  struct promise_type {
    T value{};
    std::coroutine_handle<> waiter;

    ring_step get_return_object() noexcept {
      return ring_step{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept {
      return {};
    }
    auto final_suspend() noexcept {
      struct back {
        bool await_ready() const noexcept {
          return false;
        }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> own) noexcept {
          return own.promise().waiter;
        }
        void await_resume() const noexcept {
        }
      };
      return back{};
    }
    void return_value(T result) noexcept {
      value = std::move(result);
    }
    void unhandled_exception() noexcept {
      std::terminate();
    }
  };

  ring_step(const ring_step&) = delete;
  ring_step& operator=(const ring_step&) = delete;
  ~ring_step() {
    frame_.destroy();
  }

  bool await_ready() const noexcept {
    return false;
  }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
    frame_.promise().waiter = waiter;
    return frame_;
  }
  T await_resume() noexcept {
    return std::move(frame_.promise().value);
  }

private:
  explicit ring_step(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {
  }

  std::coroutine_handle<promise_type> frame_;
};

} // namespace actord::runtime
