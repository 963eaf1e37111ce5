// The actor that keeps sessions and starts every step of a request.
#pragma once

#include "actors/cache/lookup_meters.hpp"
#include "actors/cache/session_table.hpp"
#include "actors/event_publisher.hpp"
#include "actors/interfaces.hpp"
#include "actors/l2/object_dtypes.hpp"
#include "runtime/reply.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace actord {

struct session_options {
  hash_algorithm algorithm = hash_algorithm::blake3;
  uint32_t chunk_tokens = 256;
  std::string hash_seed; // PYTHONHASHSEED
  time_ms session_ttl_ms = 600'000;
  std::shared_ptr<metric_registry> metrics = std::make_shared<metric_registry>();
  event_publisher_ptr bus = event_publisher::none();
  std::shared_ptr<object_dtypes> dtypes = std::make_shared<object_dtypes>(); // told of each model
};

/// The state of SESSIONS. One actor for all of them: they live on the gateway's thread anyway, and
/// need one table.
class session_state {
public:
  static inline const char* name = "session";
  /// Parked status queries; beyond, "pending" comes at once.
  static constexpr size_t max_waiters = 65536;
  /// Retrieves of one session since its lookup; beyond, they are misses. Workers times ranges of a
  /// request are a few hundred.
  static constexpr size_t max_retrieves = 4096;

  explicit session_state(session_actor::pointer self);

  void init(const session_options& options, l1_manager_actor l1_manager);

  void attach(const model_layout& layout);
  /// Begins a lookup of `key` and returns its generation.
  uint64_t start_lookup(const wire::cache_key& key);
  /// Of something that is no engine's lookup, in events.
  uint64_t next_number() {
    return ++generations_;
  }
  /// The session of a lookup that is still wanted, or null.
  session_record* running(const std::string& request_id, uint64_t generation);
  void finish_lookup(const wire::cache_key& asked, uint64_t generation, chain_ptr chain,
                     lookup_outcome outcome, lookup_result_details result);
  caf::typed_response_promise<prefetch_status>
  query(const std::string& request_id, double timeout_s);
  /// Gives back the shares of `readers` readers of the key's range, of its worker or of all.
  void free_locks(const wire::cache_key& key, int64_t readers);
  void end(const std::string& request_id);
  void lost(const std::vector<std::string>& request_ids);
  /// The session's lease for a worker's first retrieve of a range since the lookup; 0 otherwise,
  /// and when the lookup was about other chunks.
  /// @param chain of the retrieve, up to the end of its range
  lease_id
  lease_for(const wire::cache_key& key, int64_t instance_id, const std::vector<chunk_hash>& chain);
  void expire_waiters(const std::string& request_id);
  void tick();
  session_status status() const;

  session_table& table() {
    return *table_;
  }
  event_publisher& bus() {
    return *bus_;
  }

  l1_manager_actor l1;
  prefetch_controller_actor prefetcher; // null: nothing is behind L1
  engine_driven_actor engine_driven;    // null: mode switched off
  lmcache_driven_actor lmcache_driven;

private:
  /// Answers a finished lookup's first question; pending otherwise.
  prefetch_status consume(const std::string& request_id, session_record& record);
  /// The session's lookup no longer counts as running or done.
  void leave_phase(session_record& record, lookup_phase next);
  /// Gives back what the session holds.
  void drop(const session_record& record);
  /// The same for a session that is gone.
  void forget(session_record& record);
  void answer_waiters(const std::string& request_id, session_record& record);

  session_actor::pointer self_;
  std::optional<session_table> table_;
  std::optional<lookup_meters> meters_;
  std::shared_ptr<object_dtypes> dtypes_;
  event_publisher_ptr bus_ = event_publisher::none();
  size_t waiting_ = 0; // status queries that are parked in sessions
  uint64_t generations_ = 0;
  uint64_t running_ = 0;
  uint64_t done_ = 0; // lookups whose result nobody has taken
  time_ms session_ttl_ms_ = 0;
};

session_actor::behavior_type session(session_actor::stateful_pointer<session_state> self,
                                     const session_options& options, l1_manager_actor l1);

} // namespace actord
