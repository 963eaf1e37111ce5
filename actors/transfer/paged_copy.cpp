#include "actors/transfer/paged_copy.hpp"

#include "gpu/block_lists.hpp"
#include "gpu/copy_job.hpp"

#include <optional>
#include <utility>

namespace actord {

namespace {

using lmcache_driven_pointer = lmcache_driven_actor::stateful_pointer<lmcache_driven_state>;

caf::error not_registered(int64_t instance_id) {
  return make_error(ec::absent, "instance " + std::to_string(instance_id)
                                  + " is not registered; register it again");
}

// What keeps a request from being copied, before anything is held for it.
std::optional<caf::error> fault_of(const paged_memory& memory, const wire::block_lists& blocks,
                                   const chunk_range& range, int64_t null_block_id) {
  auto text
    = gpu::block_lists_error(*memory.layout, blocks, range.end - range.first, null_block_id);
  if (text.empty())
    return std::nullopt;
  return make_error(ec::rejected, std::move(text));
}

// One copy with everything that it needs to stay where it is.
struct paged_copy {
  std::shared_ptr<const paged_memory> memory;
  std::shared_ptr<shm_pool> pool;
  std::shared_ptr<const gpu::guarded_range> guard;
  gpu::copy_job job;
};

// Makes the copy or returns why it cannot be made.
std::variant<std::shared_ptr<const paged_copy>, std::string>
plan(const lmcache_driven_state& state, std::shared_ptr<const paged_memory> memory,
     const gpu::copy_request& request) {
  auto made = gpu::copy_job::make(*memory->layout, memory->tensors,
                                  {state.pool->data(), state.pool->size_bytes()}, request,
                                  state.pool_guard.get());
  if (!made.job)
    return std::move(made.error);
  return std::make_shared<const paged_copy>(
    paged_copy{std::move(memory), state.pool, state.pool_guard, std::move(*made.job)});
}

boxed<copy_work> work_of(const std::shared_ptr<const paged_copy>& copy) {
  return box(copy_work{[copy](size_t first, size_t last) { copy->job.run(first, last); }});
}

} // namespace

runtime::task store_paged(lmcache_driven_pointer self, boxed<wire::store> request,
                          chunk_range range, runtime::reply<bool> out) {
  auto& state = self->state;
  auto* instance = state.speak(request->instance_id);
  if (!instance) {
    out.deliver(not_registered(request->instance_id));
    co_return;
  }
  auto memory = instance->memory;
  auto meters = instance->meters;
  const auto null_block = state.options.null_block_id;
  if (auto fault = fault_of(*memory, request->blocks, range, null_block)) {
    out.deliver(std::move(*fault));
    co_return;
  }
  const auto& key = request->key;
  reserve_order order{{key.model_name, key.world_size, key.cache_salt},
                      range,
                      static_cast<uint16_t>(*key.worker_id),
                      memory->groups,
                      [memory, request, null_block](uint32_t chunk, uint16_t group) {
                        return gpu::all_null(*memory->layout, request->blocks, chunk, group,
                                             null_block);
                      }};
  transfer_mark mark{transfer_mark::way::store, meters, key};
  auto held
    = co_await runtime::ask(self, state.l1, caf::infinite, atom::reserve_v, box(std::move(order)));
  if (!held || held->reservation == 0) {
    const bool there = held && held->status != reserve_outcome::code::out_of_memory;
    if (there)
      mark.nothing_to_move();
    else
      mark.failed("L1 has no room");
    out.deliver(there);
    co_return;
  }
  gpu::copy_request wanted{
    gpu::direction::gather, range.end - range.first, request->blocks, held->slots, 0, null_block};
  auto planned = plan(state, memory, wanted);
  if (auto* text = std::get_if<std::string>(&planned)) {
    self->send(state.l1, atom::abort_v, held->reservation);
    mark.failed(*text);
    out.deliver(make_error(ec::rejected, std::move(*text)));
    co_return;
  }
  auto copy = std::get<std::shared_ptr<const paged_copy>>(std::move(planned));
  mark.start(self->clock().now());
  const bool ran = co_await copy_on(self, state.copiers, work_of(copy), copy->job.pieces(),
                                    copy->job.bytes(), state.turn);
  if (!ran || !copy->job.ok()) {
    self->send(state.l1, atom::abort_v, held->reservation);
    mark.failed("the engine's memory went away during the copy");
    out.deliver(make_error(ec::corrupt, "the engine's memory went away during the copy"));
    co_return;
  }
  mark.done(copy->job.bytes(), range.end - range.first, self->clock().now());
  out.delegate(state.l1, atom::commit_v, held->reservation,
               box(store_origin{{request.value, &request->key}, range}));
}

runtime::task retrieve_paged(lmcache_driven_pointer self, boxed<wire::retrieve> request,
                             chunk_range range, runtime::reply<bool> out) {
  auto& state = self->state;
  const auto rank = static_cast<uint16_t>(*request->key.worker_id);
  auto* instance = state.speak(request->instance_id);
  auto fault = instance
                 ? fault_of(*instance->memory, request->blocks, range, state.options.null_block_id)
                 : not_registered(request->instance_id);
  if (fault) { // the worker will not come back for its shares
    self->send(state.l1, atom::release_v,
               release_order{range.lease, rank, range.first, range.end, 1});
    out.deliver(std::move(*fault));
    co_return;
  }
  auto memory = instance->memory;
  auto meters = instance->meters;
  transfer_mark mark{transfer_mark::way::retrieve, meters, request->key};
  claim_order order{range.lease, rank, range.first, range.end, memory->groups};
  auto claimed = co_await runtime::ask(self, state.l1, caf::infinite, atom::claim_v, order);
  if (!claimed || claimed->claim == 0) {
    const auto& key = request->key;
    mark.failed("what the lookup had promised is not there");
    meters->read_failed({key.model_name, key.world_size, key.cache_salt}, range, rank,
                        memory->groups);
    out.deliver(false);
    co_return;
  }
  mark.reading({request->key.model_name, request->key.world_size, request->key.cache_salt}, range,
               claimed->slots);
  gpu::copy_request wanted{
    gpu::direction::scatter,
    range.end - range.first,
    request->blocks,
    claimed->slots,
    static_cast<uint64_t>(std::max<int64_t>(0, request->skip_first_n_tokens)),
    state.options.null_block_id};
  auto planned = plan(state, memory, wanted);
  if (auto* text = std::get_if<std::string>(&planned)) {
    self->send(state.l1, atom::finish_v, claimed->claim);
    mark.failed(*text);
    out.deliver(make_error(ec::rejected, std::move(*text)));
    co_return;
  }
  auto copy = std::get<std::shared_ptr<const paged_copy>>(std::move(planned));
  mark.start(self->clock().now());
  const bool ran = co_await copy_on(self, state.copiers, work_of(copy), copy->job.pieces(),
                                    copy->job.bytes(), state.turn);
  self->send(state.l1, atom::finish_v, claimed->claim);
  const bool good = ran && copy->job.ok();
  if (good)
    mark.done(copy->job.bytes(), range.end - range.first, self->clock().now());
  else
    mark.failed("the engine's memory went away during the copy");
  out.deliver(good);
}

} // namespace actord
