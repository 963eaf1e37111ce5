#include "actors/transfer/pool_grower.hpp"

#include "actors/log.hpp"

#include <chrono>

namespace actord {

namespace {

constexpr auto retry_period = std::chrono::seconds(5);

} // namespace

pool_grower_actor::behavior_type
pool_grower(pool_grower_actor::pointer self, std::shared_ptr<shm_pool> pool, l1_manager_actor l1) {
  self->send(self, atom::grow_v);
  return {
    [self, pool = std::move(pool), l1 = std::move(l1), warned = false](atom::grow) mutable {
      const auto bytes = pool->reserve_step();
      self->send(l1, atom::grow_v, bytes);
      if (pool->complete())
        return self->quit();
      if (bytes > 0)
        return self->send(self, atom::grow_v);
      if (!warned)
        log_warn(log_part::server,
                 "/dev/shm is full: {} of {} MiB of the pool are usable; make room there",
                 pool->reserved_bytes() >> 20, pool->size_bytes() >> 20);
      warned = true;
      self->delayed_send(self, retry_period, atom::grow_v);
    },
  };
}

} // namespace actord
