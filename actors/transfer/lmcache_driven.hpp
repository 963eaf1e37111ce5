// The actor that copies between engines' paged KV memory and the pool.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/transfer/instance_table.hpp"
#include "actors/transfer/shm_pool.hpp"
#include "actors/transfer/transfer_meters.hpp"
#include "gpu/bus_error_guard.hpp"
#include "gpu/device.hpp"
#include "gpu/paged_layout.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <vector>

namespace actord {

/// A registered worker's memory. Copies hold it, so unregistering never pulls memory away from
/// under one.
struct paged_memory {
  std::shared_ptr<const gpu::paged_layout> layout;
  std::vector<gpu::opened_tensor> tensors;
  std::vector<group_layout> groups; // layout->group_layouts()
};

struct lmcache_driven_instance {
  std::string model_name;
  uint32_t world_size = 1;
  std::shared_ptr<const paged_memory> memory;
  liveness life;
  std::shared_ptr<transfer_meters> meters;
};

struct lmcache_driven_options {
  uint32_t chunk_tokens = 256;
  int64_t null_block_id = 0;
  bool separate_object_groups = false;
  liveness_options liveness;
  std::shared_ptr<metric_registry> metrics = std::make_shared<metric_registry>();
  event_publisher_ptr bus = event_publisher::none();
};

/// The state of the LMCACHE-DRIVEN TRANSFER (spec wire-protocol §3.1-§3.3, §7.1).
class lmcache_driven_state {
public:
  static inline const char* name = "lmcache-driven";

  explicit lmcache_driven_state(lmcache_driven_actor::pointer self);

  void init(const lmcache_driven_options& options, std::shared_ptr<shm_pool> shared,
            session_actor session, l1_manager_actor l1_manager, std::vector<copier_actor> copier);

  caf::result<caf::ok_atom> open(const wire::register_kv_cache& request);
  void close(int64_t instance_id);
  /// The instance, alive as of now; null when it is not registered.
  lmcache_driven_instance* speak(int64_t instance_id);
  void ping(int64_t instance_id);
  /// Running copies end by themselves; nothing else is held for a worker.
  void lost(int64_t instance_id);
  void tick();
  transfer_status status() const;

  lmcache_driven_options options;
  std::shared_ptr<shm_pool> pool;
  std::shared_ptr<const gpu::guarded_range> pool_guard;
  session_actor sessions;
  l1_manager_actor l1;
  std::vector<copier_actor> copiers;
  size_t turn = 0; // of the copiers

private:
  lmcache_driven_actor::pointer self_;
  std::unique_ptr<gpu::device> host_, cuda_;
  instance_table<lmcache_driven_instance> instances_;
};

lmcache_driven_actor::behavior_type
lmcache_driven(lmcache_driven_actor::stateful_pointer<lmcache_driven_state> self,
               const lmcache_driven_options& options, std::shared_ptr<shm_pool> pool,
               session_actor sessions, l1_manager_actor l1, std::vector<copier_actor> copiers);

} // namespace actord
