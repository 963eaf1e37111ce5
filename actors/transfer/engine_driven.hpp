// The actor for workers that copy between their own memory and slots of the pool.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/transfer/instance_table.hpp"
#include "actors/transfer/shm_pool.hpp"
#include "actors/transfer/transfer_meters.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <string>
#include <vector>

namespace actord {

/// What names a transfer between its prepare and its commit. The hash of the last chunk stands for
/// the tokens (spec wire-protocol §2.3: the request id is no part of it).
struct transfer_identity {
  key_space space;
  uint32_t worker = 0, first = 0, end = 0;
  chunk_hash last;
  auto operator<=>(const transfer_identity&) const = default;
};

struct pending_write {
  reservation_id reservation = 0;
  time_ms since_ms = 0;
  uint64_t objects = 0;
  transfer_mark mark;
};

struct pending_read {
  std::string request_id;
  claim_id claim = 0;
  std::vector<slot> slots; // a repeated prepare gets the same answer
  transfer_mark mark;
};

/// The reads of one identity: requests with the same prompt have a share and a claim each.
using pending_reads = std::vector<pending_read>;

/// A registered worker. Everything it holds is in `writes` and `reads`, and goes with it.
struct engine_driven_instance {
  std::string model_name;
  uint32_t world_size = 1;
  group_layout layout;
  std::vector<int64_t>
    shape;           // of one object: [2, layers, slots, hidden] or [layers, slots, hidden]
  std::string dtype; // canonical torch name
  int64_t block_size = 0;
  bool use_mla = false;
  bool pickle = false; // cannot map the pool: has sent tensors in messages
  liveness life;
  std::shared_ptr<transfer_meters> meters;
  std::map<transfer_identity, pending_write> writes;
  std::map<transfer_identity, pending_reads> reads;
  /// Held for a writer that may still be alive behind a connection that we cut; given back when it
  /// speaks again.
  std::vector<reservation_id> suspended_writes;
  std::vector<claim_id> suspended_reads;
};

struct engine_driven_options {
  uint32_t chunk_tokens = 256;
  liveness_options liveness;
  std::shared_ptr<metric_registry> metrics = std::make_shared<metric_registry>();
  event_publisher_ptr bus = event_publisher::none();
  /// A store that is not committed for longer counts as failed, --l1-write-ttl-seconds.
  time_ms write_ttl_ms = 600'000;
};

/// The state of the ENGINE-DRIVEN TRANSFER (spec wire-protocol §3.5, §7.2, §7.3).
class engine_driven_state {
public:
  static inline const char* name = "engine-driven";
  /// Open writes of one worker; beyond, the oldest is thrown away: its write TTL is long over, or
  /// the worker never commits.
  static constexpr size_t max_writes = 4096;

  explicit engine_driven_state(engine_driven_actor::pointer self);

  void init(const engine_driven_options& options, std::shared_ptr<shm_pool> pool,
            session_actor sessions, l1_manager_actor l1, std::vector<copier_actor> copiers);

  caf::result<pool_offer> open(const wire::register_engine_driven& request);
  /// Drops an instance and what it holds; nothing half-written is ever committed.
  void close(int64_t instance_id);
  /// The instance, alive as of now; null when it is not registered.
  engine_driven_instance* speak(int64_t instance_id);
  void ping(int64_t instance_id);
  void lost(int64_t instance_id, bool may_live);
  void tick();
  transfer_status status() const;

  std::shared_ptr<shm_pool> pool;
  session_actor sessions;
  l1_manager_actor l1;
  std::vector<copier_actor> copiers;
  size_t turn = 0; // of the copiers

private:
  void give_back(engine_driven_instance& instance);

  engine_driven_actor::pointer self_;
  engine_driven_options options_;
  instance_table<engine_driven_instance> instances_;
};

engine_driven_actor::behavior_type
engine_driven(engine_driven_actor::stateful_pointer<engine_driven_state> self,
              const engine_driven_options& options, std::shared_ptr<shm_pool> pool,
              session_actor sessions, l1_manager_actor l1, std::vector<copier_actor> copiers);

} // namespace actord
