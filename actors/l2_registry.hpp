// The actor that lets stores behind L1 come and go.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/l2/l2_gauges.hpp"
#include "actors/l2_control.hpp"
#include "actors/l2_threads.hpp"
#include "runtime/actor_census.hpp"
#include "runtime/options/daemon_options.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace actord {

/// How many adapters take stores and loads, for the scrape.
struct l2_counts {
  std::atomic<uint64_t> active = 0, draining = 0;
};

struct l2_registry_settings {
  l1_options l1;
  std::shared_ptr<l2_gauges> gauges = std::make_shared<l2_gauges>();
  std::shared_ptr<l2_counts> counts = std::make_shared<l2_counts>();
  std::shared_ptr<runtime::actor_census> census = std::make_shared<runtime::actor_census>();
  event_publisher_ptr bus = event_publisher::none();
  std::shared_ptr<l2_threads> threads = std::make_shared<l2_threads>();
  /// Makes a store and reaches for it. Called on a thread of its own, may block.
  std::function<l2_opened(const l2_adapter_options&)> reach;
  /// Told of every adapter that is spawned.
  std::function<void(const l2_adapter_actor&, const std::string& name)> watch;
};

/// The actors that learn of changes.
struct l2_registry_peers {
  store_control stores;
  prefetch_control prefetcher;
  l1_manager_actor l1;    // may be null
  session_actor sessions; // may be null
  quota_actor quotas;     // may be null
};

/// The state of the L2 REGISTRY. An adapter's store is made and let go of on threads of their own;
/// its actor ends only when no task of its store can touch memory any more. One that hangs stays
/// `draining` until then. Bound: `max_l2_adapters`, those that come and go included.
class l2_registry_state {
public:
  static inline const char* name = "l2-registry";
  /// Whoever attaches a store waits for it so long.
  static constexpr auto open_patience = std::chrono::seconds(3);
  /// What waits for an adapter that is to go is copied for so long.
  static constexpr auto flush_time = std::chrono::seconds(10);
  /// Openings that failed, whose reasons are kept.
  static constexpr size_t most_failures = 32;

  struct adapter {
    l2_entry entry;
    l2_adapter_control control; // null before it serves and once it has ended
    std::shared_ptr<l2_backend> backend;
    std::optional<caf::typed_response_promise<l2_entry>> attaching; // who waits for it
  };

  explicit l2_registry_state(l2_registry_actor::pointer self);

  /// @param open the stores of the command line, which are open
  void init(l2_registry_settings settings, l2_registry_peers peers,
            std::vector<std::pair<l2_adapter_options, std::shared_ptr<l2_backend>>> open);
  caf::result<l2_entry> open(const boxed<l2_adapter_options>& options);
  void opened(uint32_t id, const l2_opened& store);
  /// It takes too long for whoever waits.
  void still_opening(uint32_t id);
  caf::result<l2_entry> drain(uint32_t id);
  caf::result<l2_entry> remove(uint32_t id);
  caf::result<l2_entry> get(uint32_t id) const;
  l2_entries list() const;
  boxed<l2_holdings> stop();

  adapter* find(uint32_t id);
  /// Its tasks are over: ends its actor; then its store lets go on a thread.
  void end_actor(uint32_t id);
  void actor_down(const caf::actor_addr& who);
  void gone(uint32_t id);
  /// Shows how things stand.
  void refresh();

  l2_registry_peers peers;

private:
  void serve(adapter& one);
  void start_drain(adapter& one);
  caf::error unknown(uint32_t id) const;
  std::string conflict_of(const l2_adapter_options& wanted) const;
  void fail(uint32_t id, const std::string& why);
  /// Its store is let go of on a thread of its own.
  void let_go(uint32_t id, std::shared_ptr<l2_backend> backend);

  l2_registry_actor::pointer self_;
  l2_registry_settings settings_;
  std::map<uint32_t, adapter> adapters_;
  std::deque<std::pair<uint32_t, std::string>> failures_;
  uint32_t next_id_ = 0, flags_ = 0;    // ids below the second are of the command line
  bool told_ = false, stopped_ = false; // L1 and the sessions know; no more changes
};

using l2_registry_pointer = l2_registry_actor::stateful_pointer<l2_registry_state>;

l2_registry_actor::behavior_type
l2_registry(l2_registry_pointer self, l2_registry_settings settings, l2_registry_peers peers,
            std::vector<std::pair<l2_adapter_options, std::shared_ptr<l2_backend>>> open);

/// What the adapter's actor is called.
std::string l2_actor_name(const l2_adapter_info& adapter);

} // namespace actord
