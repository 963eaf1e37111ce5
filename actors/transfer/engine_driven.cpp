#include "actors/transfer/engine_driven.hpp"

#include "actors/clock.hpp"
#include "actors/transfer/copier.hpp"
#include "actors/transfer/pickle_copy.hpp"
#include "runtime/ask.hpp"
#include "runtime/reply.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

using engine_driven_pointer = engine_driven_actor::stateful_pointer<engine_driven_state>;

key_space space_of(const wire::cache_key& key) {
  return {key.model_name, key.world_size, key.cache_salt};
}

transfer_identity identity_of(const wire::cache_key& key, const chunk_range& range) {
  auto last = range.end > 0 ? (*range.chain)[range.end - 1] : chunk_hash{};
  return {space_of(key), *key.worker_id, range.first, range.end, last};
}

caf::error not_registered(int64_t instance_id) {
  return make_error(ec::absent, "instance " + std::to_string(instance_id)
                                  + " is not registered; register it again");
}

slot_plan plan_for(const engine_driven_instance& instance, std::vector<slot> slots) {
  slot_plan plan;
  plan.slots = std::move(slots);
  plan.shape = instance.shape;
  plan.dtype = instance.dtype;
  return plan;
}

boxed<store_origin> origin_of(const boxed<wire::commit_store>& request, const chunk_range& range) {
  return box(store_origin{{request.value, &request->key}, range});
}

reserve_order order_for(const engine_driven_instance& instance, const wire::cache_key& key,
                        const chunk_range& range) {
  return {space_of(key), range, static_cast<uint16_t>(*key.worker_id), {instance.layout}, {}};
}

void drop_oldest_write(engine_driven_pointer self, engine_driven_instance& instance) {
  auto oldest = std::ranges::min_element(instance.writes, {},
                                         [](const auto& entry) { return entry.second.since_ms; });
  self->send(self->state.l1, atom::abort_v, oldest->second.reservation);
  oldest->second.mark.failed("its worker has too many open stores");
  instance.writes.erase(oldest);
}

runtime::task prepare_store(engine_driven_pointer self, boxed<wire::prepare_store> request,
                            chunk_range range, runtime::reply<slot_plan> out) {
  auto& state = self->state;
  auto* instance = state.speak(request->instance_id);
  if (!instance) {
    out.deliver(not_registered(request->instance_id));
    co_return;
  }
  slot_plan plan;
  if (instance->pickle) {
    plan.pickle = true;
    out.deliver(std::move(plan));
    co_return;
  }
  auto outcome = co_await runtime::ask(self, state.l1, caf::infinite, atom::reserve_v,
                                       box(order_for(*instance, request->key, range)));
  instance = state.speak(request->instance_id);
  if (!outcome || outcome->reservation == 0) { // all there, or no memory: nothing to write
    out.deliver(std::move(plan));
    co_return;
  }
  if (!instance) {
    self->send(state.l1, atom::abort_v, outcome->reservation);
    out.deliver(not_registered(request->instance_id));
    co_return;
  }
  if (instance->writes.size() >= engine_driven_state::max_writes)
    drop_oldest_write(self, *instance);
  auto& pending = instance->writes[identity_of(request->key, range)];
  if (pending.reservation != 0) // expired in L1, or it would have kept us from reserving
    self->send(state.l1, atom::abort_v, pending.reservation);
  pending = {outcome->reservation, now_ms(*self), outcome->slots.size(),
             transfer_mark{transfer_mark::way::store, instance->meters, request->key}};
  pending.mark.start(self->clock().now());
  out.deliver(plan_for(*instance, std::move(outcome->slots)));
}

// The worker could not map the pool: its tensors came in the message, whatever it prepared before.
runtime::task commit_pickle(engine_driven_pointer self, boxed<wire::commit_store> request,
                            chunk_range range, runtime::reply<bool> out) {
  auto& state = self->state;
  auto* instance = state.speak(request->instance_id);
  if (!instance) {
    out.deliver(not_registered(request->instance_id));
    co_return;
  }
  const auto expected
    = pickle_layout{instance->shape, instance->dtype, instance->layout.object_bytes};
  const auto meters = instance->meters;
  auto outcome = co_await runtime::ask(self, state.l1, caf::infinite, atom::reserve_v,
                                       box(order_for(*instance, request->key, range)));
  if (!outcome || outcome->status == reserve_outcome::code::out_of_memory) {
    out.deliver(false);
    co_return;
  }
  if (outcome->reservation == 0) {
    out.deliver(true); // every chunk is there already
    co_return;
  }
  transfer_mark mark{transfer_mark::way::store, meters, request->key};
  mark.start(self->clock().now());
  auto copy = std::make_shared<unpickle_copy>(request, range.end - range.first, expected,
                                              state.pool, outcome->slots);
  auto work = box(copy_work{[copy](size_t, size_t) { copy->run(); }});
  const bool ran = co_await copy_on(self, state.copiers, work, 1, request->data.size(), state.turn);
  if (!ran || !copy->good()) {
    self->send(state.l1, atom::abort_v, outcome->reservation);
    mark.failed(copy->fault());
    out.deliver(make_error(ec::rejected, "commit_store: " + copy->fault()));
    co_return;
  }
  mark.done(outcome->slots.size() * expected.object_bytes, outcome->slots.size(),
            self->clock().now());
  out.delegate(state.l1, atom::commit_v, outcome->reservation, origin_of(request, range));
}

void commit_store(engine_driven_pointer self, const boxed<wire::commit_store>& request,
                  const chunk_range& range, runtime::reply<bool> out) {
  auto& state = self->state;
  auto* instance = state.speak(request->instance_id);
  if (!instance)
    return out.deliver(not_registered(request->instance_id));
  auto pending = instance->writes.extract(identity_of(request->key, range));
  if (!request->data.empty()) {
    instance->pickle = true;
    if (pending)
      self->send(state.l1, atom::abort_v, pending.mapped().reservation);
    commit_pickle(self, request, range, std::move(out));
  } else if (pending) {
    const auto objects = pending.mapped().objects;
    pending.mapped().mark.done(objects * instance->layout.object_bytes, objects,
                               self->clock().now());
    out.delegate(state.l1, atom::commit_v, pending.mapped().reservation, origin_of(request, range));
  } else {
    out.deliver(false); // nothing was prepared, or it is over
  }
}

// Copies the claimed objects into a message for a worker that cannot map the pool.
runtime::task send_pickle(engine_driven_pointer self, pickle_layout layout, claim_outcome claimed,
                          transfer_mark mark, runtime::reply<slot_plan> out) {
  auto& state = self->state;
  auto copy = std::make_shared<pickle_copy>(layout, state.pool, claimed.slots);
  auto work = box(copy_work{[copy](size_t, size_t) { copy->run(); }});
  const auto bytes = claimed.slots.size() * layout.object_bytes;
  const bool ran = co_await copy_on(self, state.copiers, work, 1, bytes, state.turn);
  self->send(state.l1, atom::finish_v, claimed.claim);
  if (ran)
    mark.done(bytes, claimed.slots.size(), self->clock().now());
  slot_plan plan;
  plan.pickle = true;
  plan.success = ran;
  plan.data = copy->take();
  out.deliver(std::move(plan));
}

pending_read* read_of(engine_driven_instance& instance, const transfer_identity& identity,
                      const std::string& request_id) {
  auto known = instance.reads.find(identity);
  if (known == instance.reads.end())
    return nullptr;
  auto read = std::ranges::find(known->second, request_id, &pending_read::request_id);
  return read == known->second.end() ? nullptr : &*read;
}

runtime::task prepare_retrieve(engine_driven_pointer self, boxed<wire::prepare_retrieve> request,
                               chunk_range range, runtime::reply<slot_plan> out) {
  auto& state = self->state;
  auto* instance = state.speak(request->instance_id);
  if (!instance) {
    self->send(state.l1, atom::release_v,
               release_order{range.lease, static_cast<uint16_t>(*request->key.worker_id),
                             range.first, range.end, 1});
    out.deliver(not_registered(request->instance_id));
    co_return;
  }
  const auto identity = identity_of(request->key, range);
  if (auto* known = read_of(*instance, identity, request->key.request_id)) {
    out.deliver(plan_for(*instance, known->slots));
    co_return;
  }
  claim_order order{range.lease,
                    static_cast<uint16_t>(*request->key.worker_id),
                    range.first,
                    range.end,
                    {instance->layout}};
  auto claimed = co_await runtime::ask(self, state.l1, caf::infinite, atom::claim_v, order);
  instance = state.speak(request->instance_id);
  if (!claimed || claimed->claim == 0) {
    if (instance)
      instance->meters->read_failed(space_of(request->key), range, *request->key.worker_id,
                                    {instance->layout});
    out.deliver(slot_plan{false, false, {}, {}, {}, {}}); // a miss
    co_return;
  }
  if (!instance) {
    self->send(state.l1, atom::finish_v, claimed->claim);
    out.deliver(not_registered(request->instance_id));
    co_return;
  }
  transfer_mark mark{transfer_mark::way::retrieve, instance->meters, request->key};
  mark.reading(space_of(request->key), range, claimed->slots);
  mark.start(self->clock().now());
  if (instance->pickle) {
    send_pickle(self, {instance->shape, instance->dtype, instance->layout.object_bytes},
                std::move(*claimed), std::move(mark), std::move(out));
  } else {
    instance->reads[identity].push_back(
      {request->key.request_id, claimed->claim, claimed->slots, std::move(mark)});
    out.deliver(plan_for(*instance, std::move(claimed->slots)));
  }
}

bool commit_retrieve(engine_driven_pointer self, const boxed<wire::commit_retrieve>& request,
                     const chunk_range& range) {
  auto& state = self->state;
  if (auto* instance = state.speak(request->instance_id))
    if (auto open = instance->reads.find(identity_of(request->key, range));
        open != instance->reads.end()) {
      // Clients that do not keep their request id end the read that was opened first.
      auto& reads = open->second;
      auto read = std::ranges::find(reads, request->key.request_id, &pending_read::request_id);
      if (read == reads.end())
        read = reads.begin();
      read->mark.done(read->slots.size() * instance->layout.object_bytes, read->slots.size(),
                      self->clock().now());
      self->send(state.l1, atom::finish_v, read->claim);
      reads.erase(read);
      if (reads.empty())
        instance->reads.erase(open);
    }
  return true; // whatever it was, it is over (spec §3.5)
}

} // namespace

engine_driven_state::engine_driven_state(engine_driven_actor::pointer self) : self_(self) {
}

void engine_driven_state::init(const engine_driven_options& options,
                               std::shared_ptr<shm_pool> shared, session_actor session,
                               l1_manager_actor l1_manager, std::vector<copier_actor> copier) {
  options_ = options;
  pool = std::move(shared);
  sessions = std::move(session);
  l1 = std::move(l1_manager);
  copiers = std::move(copier);
}

void engine_driven_state::give_back(engine_driven_instance& instance) {
  for (auto reservation : std::exchange(instance.suspended_writes, {}))
    self_->send(l1, atom::abort_v, reservation);
  for (auto claim : std::exchange(instance.suspended_reads, {}))
    self_->send(l1, atom::finish_v, claim);
}

void engine_driven_state::close(int64_t instance_id) {
  auto node = instances_.extract(instance_id);
  if (!node)
    return;
  auto& instance = node.mapped();
  for (auto& [identity, pending] : instance.writes) {
    pending.mark.failed("its worker is gone");
    self_->send(l1, atom::abort_v, pending.reservation);
  }
  for (auto& [identity, reads] : instance.reads)
    for (auto& read : reads) {
      read.mark.failed("its worker is gone");
      self_->send(l1, atom::finish_v, read.claim);
    }
  give_back(instance);
  self_->send(sessions, atom::detach_v,
              model_layout{instance.model_name, instance.world_size, {instance.layout}});
}

engine_driven_instance* engine_driven_state::speak(int64_t instance_id) {
  auto* instance = instances_.speak(instance_id, now_ms(*self_));
  if (instance)
    give_back(*instance);
  return instance;
}

void engine_driven_state::ping(int64_t instance_id) {
  if (auto* instance = speak(instance_id))
    instance->life.pinged = true;
}

void engine_driven_state::lost(int64_t instance_id, bool may_live) {
  auto* found = instances_.find(instance_id);
  if (!found)
    return;
  auto& instance = *found;
  instance.life.connection_ended = true;
  for (auto& [identity, pending] : std::exchange(instance.writes, {})) {
    pending.mark.failed("the connection of its worker ended");
    if (may_live) {
      self_->send(l1, atom::quarantine_v, pending.reservation);
      instance.suspended_writes.push_back(pending.reservation);
    } else {
      self_->send(l1, atom::abort_v, pending.reservation);
    }
  }
  for (auto& [identity, reads] : std::exchange(instance.reads, {}))
    for (auto& read : reads) {
      read.mark.failed("the connection of its worker ended");
      instance.suspended_reads.push_back(read.claim);
    }
  if (!may_live)
    give_back(instance);
}

transfer_status engine_driven_state::status() const {
  transfer_status result;
  for (const auto& [id, instance] : instances_) {
    instance_status row;
    row.instance_id = id;
    row.model_name = instance.model_name;
    row.world_size = instance.world_size;
    row.engine_driven = true;
    row.use_mla = instance.use_mla;
    row.pickle = instance.pickle;
    row.block_size = instance.block_size;
    row.bytes_per_token = instance.layout.object_bytes / options_.chunk_tokens;
    row.pending_writes = instance.writes.size();
    row.pending_reads = instance.reads.size();
    result.instances.push_back(std::move(row));
  }
  return result;
}

engine_driven_actor::behavior_type
engine_driven(engine_driven_pointer self, const engine_driven_options& options,
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
    [self](atom::lost, int64_t instance_id, bool may_live) {
      self->state.lost(instance_id, may_live);
    },
    [self](atom::status) { return self->state.status(); },
    [self, period](atom::tick) {
      self->state.tick();
      self->delayed_send(self, period, atom::tick_v);
    },
    [self](atom::open, const boxed<wire::register_engine_driven>& request) {
      return self->state.open(*request);
    },
    [self](atom::reserve, const boxed<wire::prepare_store>& request, const chunk_range& range) {
      auto promise = self->make_response_promise<slot_plan>();
      prepare_store(self, request, range, runtime::reply{promise});
      return promise;
    },
    [self](atom::commit, const boxed<wire::commit_store>& request, const chunk_range& range) {
      auto promise = self->make_response_promise<bool>();
      commit_store(self, request, range, runtime::reply{promise});
      return promise;
    },
    [self](atom::claim, const boxed<wire::prepare_retrieve>& request, const chunk_range& range) {
      auto promise = self->make_response_promise<slot_plan>();
      prepare_retrieve(self, request, range, runtime::reply{promise});
      return promise;
    },
    [self](atom::finish, const boxed<wire::commit_retrieve>& request, const chunk_range& range) {
      return commit_retrieve(self, request, range);
    },
  };
}

} // namespace actord
