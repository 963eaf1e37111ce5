// The HTTP gateway: probes, status, and what an operator may do (spec cli-http §2).
#pragma once

#include "actors/l2_control.hpp"
#include "observability/gen_ai_metrics.hpp"
#include "observability/metric_registry.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/options/daemon_options.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace caf {
class actor_system;
}

namespace actord {

/// The actors between L1 and the stores behind it; the registry knows the adapters.
struct l2_peers {
  store_control stores;
  prefetch_controller_actor prefetch;
  l2_registry_actor registry;
};

/// The actors that the routes ask. Null where a part is not running.
struct http_peers {
  session_actor sessions;
  l1_manager_actor l1;
  eviction_controller_actor eviction;
  quota_actor quotas;
  engine_driven_actor engine_driven;
  lmcache_driven_actor lmcache_driven;
  kv_events_actor events;
  zmq_gateway_actor zmq;
  std::shared_ptr<const metric_registry> metrics; // null: switched off
  event_bus_actor bus;
  std::shared_ptr<const runtime::actor_census> actors;
  std::shared_ptr<gen_ai_metrics> gen_ai = std::make_shared<gen_ai_metrics>();
  histogram_cell* scrape_time = nullptr; // of `metrics`: how long a scrape took
  l2_peers l2 = {};
};

/// Gives a logger another level; returns whether there is such a logger.
using level_setter = std::function<bool(const std::string& logger, log_level)>;

/// Owns its threads: one for all sockets and three that serve requests. Call it from one thread.
class http_gateway {
public:
  /// Binds the API and, if it can, the extra address for /metrics, but serves nobody yet.
  /// @param set_level called from a worker for GET /loglevel?logger_name=...&level=...
  /// @param commit what /commit_id says (empty: our own version); /version is the protocol's
  /// version and this
  /// @throws std::runtime_error naming the address, the reason and the remedy
  http_gateway(caf::actor_system& system, http_peers peers, const daemon_options& options,
               level_setter set_level, std::string commit = "");
  ~http_gateway();
  http_gateway(const http_gateway&) = delete;
  http_gateway& operator=(const http_gateway&) = delete;

  /// From now on every accepted connection is served.
  void start();
  /// The port of the API.
  uint16_t port() const;
  /// From now on /readyz says that the daemon is shutting down; all else is served on.
  void retire();
  /// Takes no new requests and gives those in progress at most 5 s.
  void stop();

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace actord
