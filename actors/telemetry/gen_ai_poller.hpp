// Asks a model server how full and how busy it is (spec observability §8.4).
#pragma once

#include "actors/interfaces.hpp"
#include "actors/telemetry/http_fetch.hpp"
#include "observability/gen_ai_report.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/options/model_server_options.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace actord {

struct gen_ai_poller_options {
  std::string title; // for log lines: Ollama, vLLM, TGI
  gen_ai_source source = gen_ai_source::ollama;
  std::string url; // of the page
  int64_t period_ms = 5'000;
  std::shared_ptr<gen_ai_metrics> into;
  std::function<fetched(const std::string& url)> fetch; // waits, 2 s at most
  /// @returns what the page says, or what is wrong with it
  std::function<std::variant<gen_ai_report, std::string>(const std::string& page)> read;
};

/// Fetching blocks this actor, which has a thread of its own, and nobody else. A server that does
/// not answer is asked less and less often, down to once a minute.
class gen_ai_poller_state {
public:
  explicit gen_ai_poller_state(gen_ai_poller_actor::pointer self) : self_(self) {
  }

  void init(gen_ai_poller_options options) {
    options_ = std::move(options);
    wait_ms_ = options_.period_ms;
  }

  /// One question; arms the timer for the next.
  void run();

private:
  void tell(const fetched& came);

  gen_ai_poller_actor::pointer self_;
  gen_ai_poller_options options_;
  int64_t wait_ms_ = 0;
  std::optional<fetched::outcome> told_; // the last outcome: each is told once until it changes
};

gen_ai_poller_actor::behavior_type
gen_ai_poller(gen_ai_poller_actor::stateful_pointer<gen_ai_poller_state> self,
              gen_ai_poller_options options);

/// The pollers of a daemon, each on a thread of its own.
class gen_ai_pollers {
public:
  gen_ai_pollers(caf::actor_system& system, runtime::actor_census& census,
                 const model_server_options& options, std::shared_ptr<gen_ai_metrics> into);
  gen_ai_pollers(const gen_ai_pollers&) = delete;

  /// Ends the questions under way, and waits for the pollers.
  ~gen_ai_pollers();

private:
  caf::actor_system& system_;
  std::shared_ptr<std::atomic<bool>> hurry_ = std::make_shared<std::atomic<bool>>(false);
  std::vector<gen_ai_poller_actor> pollers_;
};

} // namespace actord
