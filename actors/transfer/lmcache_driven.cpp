#include "actors/transfer/lmcache_driven.hpp"

#include "actors/clock.hpp"
#include "actors/transfer/kv_checksums.hpp"
#include "actors/transfer/paged_copy.hpp"
#include "gpu/cuda_device.hpp"
#include "gpu/host_device.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

using lmcache_driven_pointer = lmcache_driven_actor::stateful_pointer<lmcache_driven_state>;

// The checksums read live memory, so they run on a copier as any other copy.
runtime::task checksum(lmcache_driven_pointer self, boxed<checksum_order> order,
                       runtime::reply<checksum_report> out) {
  auto& state = self->state;
  auto* instance = state.speak(order->instance_id);
  if (!instance) {
    out.deliver(make_error(ec::absent, "instance_id " + std::to_string(order->instance_id)
                                         + " not registered"));
    co_return;
  }
  auto sums = std::make_shared<kv_checksums>(instance->memory, order);
  auto work = box(copy_work{[sums](size_t, size_t) { sums->run(); }});
  const bool ran = co_await copy_on(self, state.copiers, work, 1, unknown_bytes, state.turn);
  if (!ran || !sums->fault().empty())
    out.deliver(make_error(ec::rejected, sums->fault()));
  else
    out.deliver(sums->take());
}

} // namespace

lmcache_driven_state::lmcache_driven_state(lmcache_driven_actor::pointer self) : self_(self) {
}

void lmcache_driven_state::init(const lmcache_driven_options& opts,
                                std::shared_ptr<shm_pool> shared, session_actor session,
                                l1_manager_actor l1_manager, std::vector<copier_actor> copier) {
  options = opts;
  pool = std::move(shared);
  sessions = std::move(session);
  l1 = std::move(l1_manager);
  copiers = std::move(copier);
  host_ = std::make_unique<gpu::host_device>();
  cuda_ = gpu::make_cuda_device();
  // A worker that may write to the pool may also truncate it.
  pool_guard = std::make_shared<const gpu::guarded_range>(
    gpu::register_guarded_range(pool->data(), pool->size_bytes(), gpu::on_fault::replace_page));
}

caf::result<caf::ok_atom> lmcache_driven_state::open(const wire::register_kv_cache& request) {
  auto rejected = [](std::string text) { return make_error(ec::rejected, std::move(text)); };
  gpu::layout_options wanted;
  wanted.chunk_tokens = options.chunk_tokens;
  wanted.separate_object_groups = options.separate_object_groups;
  auto choice = gpu::choose_device(request.kv_cache, *host_, cuda_.get());
  if (!choice.chosen)
    return rejected(std::move(choice.error));
  wanted.cpu_only = choice.chosen->host_readable();
  auto made = gpu::make_paged_layout(request.kv_cache, request.hints, request.groups, wanted);
  if (!made.layout)
    return rejected(std::move(made.error));
  auto groups = made.layout->group_layouts();
  auto opened = choice.chosen->open(request.kv_cache);
  if (!opened.error.empty())
    return rejected(std::move(opened.error));
  if (!choice.chosen->host_readable())
    return rejected("copies on a GPU are not built yet; set lmcache.mp.mp_transfer_mode to "
                    "engine_driven");
  auto memory = std::make_shared<const paged_memory>(
    paged_memory{std::make_shared<const gpu::paged_layout>(std::move(*made.layout)),
                 std::move(opened.tensors), groups});
  if (auto* known = speak(request.instance_id)) {
    if (*known->memory->layout != *memory->layout || known->model_name != request.model_name
        || known->world_size != request.world_size)
      return rejected("instance " + std::to_string(request.instance_id)
                      + " is registered with another layout; unregister it first");
    known->memory = std::move(memory); // the engine may have moved; running copies keep the old
    return caf::ok_atom_v;
  }
  lmcache_driven_instance fresh{
    request.model_name,
    request.world_size,
    std::move(memory),
    {},
    std::make_shared<transfer_meters>(options.metrics, options.bus,
                                      worker_name{"cpu", request.instance_id, request.model_name,
                                                  options.chunk_tokens})};
  model_layout told{request.model_name, request.world_size, std::move(groups)};
  told.object_dtypes.resize(told.groups.size(), "?");
  for (const auto& group : fresh.memory->layout->kernel_groups) {
    if (group.object_group < told.object_dtypes.size()) {
      auto& known = told.object_dtypes[group.object_group];
      known = known == "?" || known == group.geometry.type.name ? group.geometry.type.name : "";
    }
    told.dtypes.push_back("torch." + std::string{group.geometry.type.name});
    told.shapes.push_back(gpu::chunk_shape(group, options.chunk_tokens));
  }
  self_->send(sessions, atom::attach_v, std::move(told));
  instances_.add(request.instance_id, std::move(fresh), now_ms(*self_));
  return caf::ok_atom_v;
}

void lmcache_driven_state::close(int64_t instance_id) {
  if (auto node = instances_.extract(instance_id))
    self_->send(sessions, atom::detach_v,
                model_layout{node.mapped().model_name, node.mapped().world_size,
                             node.mapped().memory->groups});
}

lmcache_driven_instance* lmcache_driven_state::speak(int64_t instance_id) {
  return instances_.speak(instance_id, now_ms(*self_));
}

void lmcache_driven_state::ping(int64_t instance_id) {
  if (auto* instance = speak(instance_id))
    instance->life.pinged = true;
}

void lmcache_driven_state::lost(int64_t instance_id) {
  if (auto* instance = instances_.find(instance_id))
    instance->life.connection_ended = true;
}

void lmcache_driven_state::tick() {
  for (auto id : instances_.silent(options.liveness, now_ms(*self_)))
    close(id);
}

transfer_status lmcache_driven_state::status() const {
  transfer_status result;
  for (const auto& [id, instance] : instances_) {
    instance_status row;
    row.instance_id = id;
    row.model_name = instance.model_name;
    row.world_size = instance.world_size;
    row.layout = instance.memory->layout;
    result.instances.push_back(std::move(row));
  }
  return result;
}

lmcache_driven_actor::behavior_type
lmcache_driven(lmcache_driven_pointer self, const lmcache_driven_options& options,
               std::shared_ptr<shm_pool> pool, session_actor sessions, l1_manager_actor l1,
               std::vector<copier_actor> copiers) {
  self->state.init(options, std::move(pool), std::move(sessions), std::move(l1),
                   std::move(copiers));
  const auto period = tick_period(options.liveness);
  self->delayed_send(self, period, atom::tick_v);
  return {
    [self](atom::seen, int64_t instance_id) { self->state.ping(instance_id); },
    [self](atom::close, int64_t instance_id) {
      self->state.close(instance_id);
      return caf::ok_atom_v;
    },
    [self](atom::lost, int64_t instance_id, bool) { self->state.lost(instance_id); },
    [self](atom::status) { return self->state.status(); },
    [self, period](atom::tick) {
      self->state.tick();
      self->delayed_send(self, period, atom::tick_v);
    },
    [self](atom::open, const boxed<wire::register_kv_cache>& request) {
      return self->state.open(*request);
    },
    [self](atom::store, const boxed<wire::store>& request, const chunk_range& range) {
      auto promise = self->make_response_promise<bool>();
      store_paged(self, request, range, runtime::reply{promise});
      return promise;
    },
    [self](atom::retrieve, const boxed<wire::retrieve>& request, const chunk_range& range) {
      auto promise = self->make_response_promise<bool>();
      retrieve_paged(self, request, range, runtime::reply{promise});
      return promise;
    },
    [self](atom::checksum, const boxed<checksum_order>& order) {
      auto promise = self->make_response_promise<checksum_report>();
      checksum(self, order, runtime::reply{promise});
      return promise;
    },
  };
}

} // namespace actord
