// The daemon's cache in one thread, whose time a replay sets.
#pragma once

#include "actors/cache/eviction_controller.hpp"
#include "actors/cache/l1_manager.hpp"
#include "actors/l2_tier.hpp"
#include "actors/system_config.hpp"
#include "actors/trace/backend_gate.hpp"
#include "actors/transfer/shm_pool.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace actord {

/// L1 MANAGER, EVICTION CONTROLLER and QUOTA as in the daemon, and, where the options name stores,
/// STORE CONTROLLER, PREFETCH CONTROLLER and adapters. Actors run when they are asked, in the order
/// of their messages, and their clock stands still in between: what one call does is the same
/// in every replay.
class replay_world {
public:
  /// Throws std::runtime_error with a message for the operator.
  explicit replay_world(const daemon_options& options);
  replay_world(const replay_world&) = delete;
  ~replay_world();

  /// Asks an actor and runs until it has answered; nothing when it answers with an error.
  template <class T, class Handle, class... Ts>
  std::optional<T> ask(const Handle& whom, Ts... xs) {
    auto response = (*self_)->request(whom, caf::infinite, std::move(xs)...);
    std::optional<T> result;
    if (!run_until([this] { return !(*self_)->mailbox().empty(); }))
      return result; // nobody will answer
    response.receive([&](const T& value) { result = value; }, [](caf::error&) {});
    return result;
  }
  template <class Handle, class... Ts>
  void tell(const Handle& whom, Ts... xs) {
    (*self_)->send(whom, std::move(xs)...);
    run_ready();
  }

  /// Runs whatever can run without waiting for a store.
  void run_ready();
  /// The same, and waits for every store: whatever a call has set off is over then.
  void settle();
  /// Sets the clock, which never goes back; timers fire on the way.
  void advance_to(double trace_s);
  double now_s() const {
    return now_s_;
  }

  const l1_manager_actor& l1() const {
    return l1_;
  }
  /// Null where no store is behind L1.
  prefetch_controller_actor prefetcher() const {
    if (options_.l2.adapters.empty())
      return {};
    return l2_->prefetcher();
  }
  /// Memory behind L1's offsets; null where no store is there to read it.
  std::byte* memory() const {
    return pool_ ? pool_->data() : nullptr;
  }
  int64_t read_ttl_ms() const {
    return options_.l1.read_ttl_ms;
  }

private:
  struct config : system_config {
    config() {
      set("scheduler.policy", caf::atom("testing"));
    }
  };

  bool run_until(const std::function<bool()>& enough);
  void start_l1(const std::shared_ptr<runtime::actor_census>& census,
                const std::shared_ptr<metric_registry>& metrics);

  daemon_options options_;
  config config_;
  std::shared_ptr<backend_gate> gate_ = std::make_shared<backend_gate>();
  std::shared_ptr<shm_pool> pool_; // outlives the stores, which fill it
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  std::optional<l2_tier> l2_;
  std::optional<caf::scoped_actor> self_;
  quota_actor quotas_;
  eviction_controller_actor eviction_;
  l1_manager_actor l1_;
  double now_s_ = 0;
};

} // namespace actord
