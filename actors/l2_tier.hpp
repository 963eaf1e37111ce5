// The stores behind L1 and the actors between: started and stopped as one.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/interfaces.hpp"
#include "actors/l2/object_dtypes.hpp"
#include "actors/transfer/shm_pool.hpp"
#include "observability/metric_registry.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/options/daemon_options.hpp"

#include <caf/actor_system.hpp>

#include <functional>
#include <memory>
#include <string>
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
};

/// One adapter per --l2-adapter, the STORE CONTROLLER and the PREFETCH CONTROLLER; nothing where no
/// adapter is asked for.
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

  /// Starts the actors and tells L1 and the sessions of them. Once.
  void start(caf::actor_system& system, const l2_tier_parts& parts);
  /// Copies what waits, for at most so long, and ends. L1 and sessions have ended, or lookups still
  /// find L1 alone afterwards.
  void stop(caf::actor_system& system);

  void for_each(const std::function<void(const caf::strong_actor_ptr&, std::string)>& visit) const;

  const store_controller_actor& stores() const {
    return stores_;
  }
  const prefetch_controller_actor& prefetcher() const {
    return prefetcher_;
  }
  const std::vector<l2_adapter_actor>& adapters() const {
    return adapters_;
  }
  /// What sessions tell of models, for serdes that have to know.
  const std::shared_ptr<object_dtypes>& dtypes() const {
    return dtypes_;
  }

private:
  struct opened {
    l2_adapter_options options;
    l2_adapter_info info;
    std::shared_ptr<l2_backend> backend;
  };

  daemon_options options_;
  std::shared_ptr<object_dtypes> dtypes_ = std::make_shared<object_dtypes>();
  std::vector<opened> opened_;
  std::vector<l2_adapter_actor> adapters_;
  store_controller_actor stores_;
  prefetch_controller_actor prefetcher_;
};

} // namespace actord
