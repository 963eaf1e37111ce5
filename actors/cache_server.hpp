// The actors of one daemon: started in order, stopped in reverse.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/gateway/http_gateway.hpp"
#include "actors/gateway/zmq_thread.hpp"
#include "actors/interfaces.hpp"
#include "actors/l2_tier.hpp"
#include "actors/telemetry/gen_ai_poller.hpp"
#include "actors/telemetry/log_control.hpp"
#include "actors/telemetry/otlp_exporter.hpp"
#include "actors/transfer/shm_pool.hpp"
#include "observability/gen_ai_metrics.hpp"
#include "observability/metric_registry.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/options/daemon_options.hpp"

#include <caf/actor_system.hpp>

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace actord {

/// Start: pool, cache actors, transfers, request socket, and HTTP last, so that a reachable health
/// check means a serving daemon (spec cli-http §1.6). Stop: HTTP, requests, transfers, cache, pool.
class cache_server {
public:
  /// Throws std::runtime_error with a message for the operator. `take_down` is called when an actor
  /// dies. `lookup_log` may be null.
  cache_server(caf::actor_system& system, const daemon_options& options,
               std::function<void()> take_down, std::unique_ptr<event_subscriber> lookup_log);
  cache_server(const cache_server&) = delete;
  ~cache_server();

  /// Answers what was accepted (5 s at most), then ends every actor and unlinks the pool.
  void stop();

  /// Where the daemon tells what happened, and who hands it out; for benchmarks that add both.
  const event_publisher_ptr& publisher() const {
    return publisher_;
  }
  const event_bus_actor& bus() const {
    return bus_;
  }

private:
  void start_telemetry(std::unique_ptr<event_subscriber> lookup_log,
                       std::unique_ptr<event_subscriber> recorder);
  void start_export();
  void start_cache();
  void start_transfers();
  void start_gateways();
  bool set_level(std::string_view logger, log_level level);
  void watch();

  caf::actor_system& system_;
  daemon_options options_;
  std::shared_ptr<metric_registry> metrics_;
  std::shared_ptr<runtime::actor_census> census_ = std::make_shared<runtime::actor_census>();
  event_bus_actor bus_; // null: observability is off
  event_publisher_ptr publisher_ = event_publisher::none();
  std::unique_ptr<log_control> logs_; // null: observability is off
  std::shared_ptr<gen_ai_metrics> gen_ai_ = std::make_shared<gen_ai_metrics>();
  std::unique_ptr<gen_ai_pollers> pollers_; // null: observability is off
  std::unique_ptr<otlp_export> export_;     // null: nothing is pushed
  std::shared_ptr<shm_pool> pool_;
  std::unique_ptr<l2_tier> l2_;
  supervisor_actor supervisor_;
  quota_actor quotas_;
  kv_events_actor events_;
  eviction_controller_actor eviction_;
  l1_manager_actor l1_;
  session_actor sessions_;
  std::vector<copier_actor> copiers_;
  engine_driven_actor engine_driven_;
  lmcache_driven_actor lmcache_driven_;
  zmq_gateway_actor gateway_;
  std::unique_ptr<zmq_thread> zmq_;
  std::unique_ptr<http_gateway> http_;
  bool stopped_ = false;
};

} // namespace actord
