// The stores behind L1 and the actors between: started and stopped as one.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/l2/object_dtypes.hpp"
#include "actors/l2_control.hpp"
#include "actors/l2_threads.hpp"
#include "actors/transfer/shm_pool.hpp"
#include "observability/metric_registry.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/options/daemon_options.hpp"

#include <caf/actor_system.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord {

/// What a tier needs of the daemon.
struct l2_tier_parts {
  std::shared_ptr<metric_registry> metrics;
  std::shared_ptr<runtime::actor_census> census;
  event_publisher_ptr bus;
  std::shared_ptr<shm_pool> pool;
  quota_actor quotas;
  l1_manager_actor l1;
  session_actor sessions;
  supervisor_actor supervisor; // may be null
};

/// The STORE CONTROLLER, the PREFETCH CONTROLLER and the L2 REGISTRY, with one adapter per
/// --l2-adapter to begin with. L1 and the sessions hear of them with the first adapter.
class l2_tier {
public:
  /// What goes around each store; empty: nothing.
  using wrapper = std::function<std::shared_ptr<l2_backend>(std::shared_ptr<l2_backend>)>;

  /// Opens every store. Throws std::runtime_error with a message for the operator when one cannot
  /// be opened; nothing is started then.
  explicit l2_tier(const daemon_options& options, const wrapper& around = {});
  l2_tier(const l2_tier&) = delete;
  /// The stores' I/O has ended afterwards.
  ~l2_tier();

  /// Starts the actors. Once.
  void start(caf::actor_system& system, const l2_tier_parts& parts);
  /// Whoever stores or looks up afterwards meets the adapters of the command line. Blocks: a
  /// scheduler without threads has to be run instead.
  void wait_for_start(caf::actor_system& system);
  /// Copies what waits, for at most so long, and ends. L1 and sessions have ended, or lookups still
  /// find L1 alone afterwards.
  void stop(caf::actor_system& system);

  void for_each(const std::function<void(const caf::strong_actor_ptr&, std::string)>& visit) const;

  const store_control& stores() const {
    return stores_;
  }
  const prefetch_control& prefetcher() const {
    return prefetcher_;
  }
  const l2_registry_actor& registry() const {
    return registry_;
  }
  /// What sessions tell of models, for serdes that have to know.
  const std::shared_ptr<object_dtypes>& dtypes() const {
    return dtypes_;
  }

private:
  l2_opened reach(const l2_adapter_options& adapter) const;

  daemon_options options_;
  std::shared_ptr<object_dtypes> dtypes_ = std::make_shared<object_dtypes>();
  std::vector<std::pair<l2_adapter_options, std::shared_ptr<l2_backend>>> opened_; // until `start`
  std::shared_ptr<l2_threads> threads_ = std::make_shared<l2_threads>();
  store_control stores_;
  prefetch_control prefetcher_;
  l2_registry_actor registry_;
};

} // namespace actord
