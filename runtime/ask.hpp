// co_await a request to another actor, or one's own next turn.
#pragma once

#include "runtime/task.hpp"

#include <caf/behavior.hpp>
#include <caf/duration.hpp>
#include <caf/expected.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/response_handle.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/unit.hpp>

#include <memory>
#include <vector>

namespace actord::runtime {

/// Awaits the response to a request as a `caf::expected`.
template <class Self, class T>
class [[nodiscard]] response_awaiter {
public:
  using handle_type = caf::response_handle<Self, caf::detail::type_list<T>, false>;

  response_awaiter(handle_type response, bool timed) : response_(response), timed_(timed) {
  }

  bool await_ready() const noexcept {
    return false;
  }

  void await_suspend(std::coroutine_handle<> handle) {
    // Both handlers share the frame; whichever is called resumes it.
    auto frame = std::make_shared<parked_frame>(handle);
    response_.then([this, frame](T& value) { finish(*frame, std::move(value)); },
                   [this, frame](caf::error& reason) { finish(*frame, std::move(reason)); });
  }

  caf::expected<T> await_resume() {
    return std::move(result_);
  }

private:
  template <class Result>
  void finish(parked_frame& frame, Result&& result) {
    // CAF 0.17.6 keeps the timeout of an answered request armed until it expires, which costs
    // memory per request and delays shutdown.
    if (timed_) {
      auto* self = response_.self();
      self->clock().cancel_request_timeout(self, response_.id());
    }
    result_ = std::forward<Result>(result);
    frame.resume(); // Last: destroys this awaiter.
  }

  handle_type response_;
  bool timed_;
  caf::expected<T> result_ = caf::sec::none;
};

/// Sends a request on behalf of `self` and awaits its response:
/// `auto outcome = co_await ask(self, l1, caf::infinite, atom::lookup_v, order);`
///
/// Actors of this process always answer or die (and then the request fails with
/// `request_receiver_down`), so requests between them wait without a timeout: arming one would wake
/// CAF's clock thread on every hop.
template <class Self, class Handle, class Timeout, class... Ts>
auto ask(Self* self, const Handle& dest, Timeout timeout, Ts&&... xs) {
  constexpr bool timed = !std::is_same_v<std::decay_t<Timeout>, caf::infinite_t>;
  auto response = self->request(dest, timeout, std::forward<Ts>(xs)...);
  return
    [&]<class Base, class T>(caf::response_handle<Base, caf::detail::type_list<T>, false> hdl) {
      return response_awaiter<Base, T>{hdl, timed};
    }(response);
}

/// Awaits the answers to several requests of one type. Yields whether all of them succeeded.
template <class Self, class T>
class [[nodiscard]] all_awaiter {
public:
  using handle_type = caf::response_handle<Self, caf::detail::type_list<T>, false>;

  void add(handle_type response) {
    responses_.push_back(response);
  }

  bool await_ready() const noexcept {
    return responses_.empty();
  }

  void await_suspend(std::coroutine_handle<> handle) {
    auto frame = std::make_shared<parked_frame>(handle);
    missing_ = responses_.size();
    for (auto& response : responses_)
      response.then([this, frame](T&) { count(*frame); },
                    [this, frame](caf::error&) {
                      good_ = false;
                      count(*frame);
                    });
  }

  bool await_resume() const noexcept {
    return good_;
  }

private:
  void count(parked_frame& frame) {
    if (--missing_ == 0)
      frame.resume(); // Last: destroys this awaiter.
  }

  std::vector<handle_type> responses_;
  size_t missing_ = 0;
  bool good_ = true;
};

/// Sends one request per element of `jobs` and awaits them all; `send(job)` returns the response
/// handle.
template <class Jobs, class Send>
auto ask_all(const Jobs& jobs, Send send) {
  using handle = decltype(send(*std::begin(jobs)));
  auto make
    = []<class Base, class T>(caf::response_handle<Base, caf::detail::type_list<T>, false>*) {
        return all_awaiter<Base, T>{};
      };
  auto result = make(static_cast<handle*>(nullptr));
  for (const auto& job : jobs)
    result.add(send(job));
  return result;
}

/// Awaits the actor's next turn, so that a long computation in slices lets other messages through.
class [[nodiscard]] next_turn {
public:
  explicit next_turn(caf::scheduled_actor* self) : self_(self) {
  }

  bool await_ready() const noexcept {
    return false;
  }

  void await_suspend(std::coroutine_handle<> handle) {
    auto frame = std::make_shared<parked_frame>(handle);
    auto id = self_->new_request_id(caf::message_priority::normal).response_id();
    self_->add_multiplexed_response_handler(
      id, caf::behavior{[frame](caf::unit_t) { frame->resume(); }});
    self_->enqueue(caf::make_mailbox_element(nullptr, id, {}, caf::unit), self_->context());
  }

  void await_resume() const noexcept {
  }

private:
  caf::scheduled_actor* self_;
};

} // namespace actord::runtime
