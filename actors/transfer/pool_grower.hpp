// The actor that reserves the pool's pages in the background.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/transfer/shm_pool.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace actord {

/// Reserves one step per message and tells the L1 MANAGER; ends when the pool is complete. Spawn it
/// detached: a step blocks its thread for some 20 ms. A full /dev/shm is told as "no more" and
/// tried again every few seconds.
pool_grower_actor::behavior_type
pool_grower(pool_grower_actor::pointer self, std::shared_ptr<shm_pool> pool, l1_manager_actor l1);

} // namespace actord
