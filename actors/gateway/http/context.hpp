// What the routes work with.
#pragma once

#include "actors/error.hpp"
#include "actors/gateway/http/message.hpp"
#include "actors/gateway/http_gateway.hpp"
#include "actors/log_limit.hpp"
#include "observability/process_metrics.hpp"

#include <caf/actor_system.hpp>
#include <caf/expected.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

namespace actord::http {

struct context {
  caf::actor_system& system;
  http_peers peers;
  daemon_options options;
  level_setter set_level;
  std::string commit;
  std::shared_ptr<const process_metrics> process;
  std::atomic<bool> stopping{false}; // what /readyz says
  log_limit faults_told{};           // in the log
};

/// The questions of one request to actors. All of them together have 5 s: a daemon that copies is
/// slow, not silent, and the client learns which of the two it is.
class asker {
public:
  explicit asker(const context& from)
    : self_(from.system), deadline_(std::chrono::steady_clock::now() + limit) {
  }

  template <class Result, class Actor, class... Ts>
  caf::expected<Result> ask(const Actor& whom, Ts&&... message) {
    using namespace std::chrono;
    const auto left = duration_cast<milliseconds>(deadline_ - steady_clock::now());
    caf::expected<Result> answer{make_error(ec::unavailable, "not running")};
    if (whom)
      self_->request(whom, std::max(left, milliseconds(1)), std::forward<Ts>(message)...)
        .receive([&](Result& value) { answer = std::move(value); },
                 [&](caf::error& reason) { answer = std::move(reason); });
    return answer;
  }

private:
  static constexpr auto limit = std::chrono::seconds(5);

  caf::scoped_actor self_;
  std::chrono::steady_clock::time_point deadline_;
};

/// The text of a 503: `what` did not answer, why, and what to do.
std::string unavailable_text(const char* what, const caf::error& reason);

/// The answer to a question that has no other failure than silence.
enum class family { detail, error };
reply unavailable(family bodies, const char* what, const caf::error& reason);

} // namespace actord::http
