// A response promise that is never silent.
#pragma once

#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <caf/typed_response_promise.hpp>

#include <utility>

namespace actord::runtime {

/// CAF 0.17.6 lets a dropped promise vanish, and the client then waits for ever. This one answers
/// `sec::request_receiver_down` when it dies unanswered. Move-only, owned by the coroutine's frame.
template <class T>
class reply {
public:
  explicit reply(caf::typed_response_promise<T> promise) : promise_(std::move(promise)) {
  }
  reply(reply&& other) noexcept : promise_(std::exchange(other.promise_, {})) {
  }
  reply& operator=(reply&&) = delete;

  ~reply() {
    if (promise_.pending())
      promise_.deliver(caf::make_error(caf::sec::request_receiver_down));
  }

  template <class Result>
  void deliver(Result&& result) {
    promise_.deliver(std::forward<Result>(result));
  }

  /// Lets `dest` answer instead.
  template <class Handle, class... Ts>
  void delegate(const Handle& dest, Ts&&... xs) {
    promise_.delegate(dest, std::forward<Ts>(xs)...);
  }

private:
  caf::typed_response_promise<T> promise_;
};

template <class T, class Self>
reply<T> make_reply(Self* self) {
  return reply<T>{self->template make_response_promise<T>()};
}

} // namespace actord::runtime
