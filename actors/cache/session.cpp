#include "actors/cache/session.hpp"

#include "actors/cache/lookup_result.hpp"
#include "actors/cache/session_warm.hpp"
#include "actors/call_trace.hpp"
#include "actors/clock.hpp"
#include "actors/request_trace.hpp"
#include "runtime/ask.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <type_traits>

namespace actord {

namespace {

constexpr auto tick_period = std::chrono::seconds(5);

// A status query that would otherwise be answered "pending" waits this long: cheaper for the engine
// than a new one.
constexpr double query_patience_s = 0.001;

uint32_t complete_chunks(const wire::cache_key& key, uint32_t chunk_tokens) {
  auto tokens = std::min<uint64_t>(key.token_ids.size(), key.end);
  return static_cast<uint32_t>(tokens / chunk_tokens);
}

key_space space_of(const wire::cache_key& key) {
  return {key.model_name, key.world_size, key.cache_salt};
}

// An aliasing pointer: shares the request, points at its key.
template <class Request>
std::shared_ptr<const wire::cache_key> key_of(const boxed<Request>& request) {
  return {request.value, &request->key};
}

// Hashes in slices, then asks L1. The client has its answer already; what matters now is the next
// status query.
runtime::task run_lookup(session_pointer self, boxed<wire::lookup> request, uint64_t generation) {
  co_await runtime::next_turn{self}; // lets the answer leave first
  auto& state = self->state;
  const auto& key = request->key;
  // A copy: registrations may come and go while this waits.
  const auto* known = state.table().layout(key.model_name, key.world_size);
  const auto layout = known ? *known : model_layout{};
  auto chunks = complete_chunks(key, state.table().chunk_tokens());
  lookup_outcome outcome;
  prefetch_outcome brought;
  chain_ptr chain;
  auto result = begin_result(key, known, chunks, state.table().chunk_tokens());
  if (known && chunks > 0 && key.num_kv_readers >= 1) {
    auto work = state.table().begin_chain(key_of(request), chunks);
    while (!state.table().extend(work)) {
      co_await runtime::next_turn{self};
      if (!state.running(key.request_id, generation))
        co_return;
    }
    auto shares = static_cast<uint32_t>(std::min<int64_t>(key.num_kv_readers, 128));
    chain = state.table().finish_chain(std::move(work));
    publish_names(state.bus(), key, layout, chain, state.table().chunk_tokens());
    const auto order = box(lookup_order{space_of(key), chain, layout.groups, shares});
    trace_prefetch(state.bus(), *order, key.request_id, true);
    auto looking = runtime::ask(self, state.l1, caf::infinite, atom::lookup_v, order);
    const auto answer = co_await looking;
    outcome = answer ? *answer : lookup_outcome{};
    if (state.prefetcher && outcome.hit_chunks < chain->size()) {
      auto wish = box(prefetch_order{order.value, key.request_id, generation});
      auto bringing
        = runtime::ask(self, state.prefetcher, caf::infinite, atom::lookup_v, std::move(wish));
      auto more = co_await bringing;
      if (more)
        brought = *more;
    }
  }
  if (const auto spare = take_longer(outcome, brought, result, state.table().chunk_tokens()))
    self->send(state.l1, atom::close_v, spare);
  result.prefetch_request_id = generation;
  state.finish_lookup(key, generation, std::move(chain), outcome, std::move(result));
}

template <class Request>
constexpr bool is_retrieve
  = std::is_same_v<Request, wire::retrieve> || std::is_same_v<Request, wire::prepare_retrieve>;

// Names the chunks of a worker's request and lets `dest` answer. A retrieve takes a share of its
// session's lease with it.
template <class Request, class Verb, class Dest, class Result>
runtime::task hand_over(session_pointer self, boxed<Request> request, Verb verb, Dest dest,
                        runtime::reply<Result> out) {
  auto& table = self->state.table();
  const auto chunk = table.chunk_tokens();
  const auto& key = request->key;
  if (auto fault = range_fault(key, chunk); !fault.empty()) {
    if constexpr (is_retrieve<Request>) // the worker will not come back for its shares
      if (key.worker_id)
        self->state.free_locks(key, 1);
    out.deliver(make_error(ec::rejected, std::move(fault)));
    co_return;
  }
  auto work = table.begin_chain(key_of(request), key.end / chunk);
  while (!table.extend(work))
    co_await runtime::next_turn{self};
  chunk_range range{table.finish_chain(std::move(work)), static_cast<uint32_t>(key.start / chunk),
                    static_cast<uint32_t>(key.end / chunk), 0};
  if constexpr (is_retrieve<Request>)
    range.lease = self->state.lease_for(key, request->instance_id, *range.chain);
  out.delegate(dest, verb, request, std::move(range));
}

template <class Result, class Request, class Verb, class Dest>
caf::typed_response_promise<Result>
start_hand_over(session_pointer self, const boxed<Request>& request, Verb verb, const Dest& dest) {
  auto promise = self->make_response_promise<Result>();
  if (dest)
    hand_over(self, request, verb, dest, runtime::reply<Result>{promise});
  else
    promise.deliver(make_error(ec::unavailable, "this transfer mode is switched off; see "
                                                "--supported-transfer-mode"));
  return promise;
}

} // namespace

session_state::session_state(session_actor::pointer self) : self_(self) {
}

void session_state::init(const session_options& options, l1_manager_actor l1_manager) {
  table_.emplace(chain_hasher{options.algorithm, options.chunk_tokens, options.hash_seed});
  meters_.emplace(options.metrics);
  bus_ = options.bus;
  dtypes_ = options.dtypes;
  session_ttl_ms_ = options.session_ttl_ms;
  l1 = std::move(l1_manager);
}

void session_state::attach(const model_layout& layout) {
  table_->attach(layout);
  if (!layout.object_dtypes.empty())
    dtypes_->set(layout.model_name, layout.world_size, layout.object_dtypes);
}

uint64_t session_state::start_lookup(const wire::cache_key& key) {
  if (bus_->wants(event_type::mp_request_start))
    bus_->publish(event_type::mp_request_start, key.request_id, request_details{parent_of(key)});
  bus_->publish(event_type::mp_lookup_prefetch_start, key.request_id);
  auto& record = table_->use(key.request_id, now_ms(*self_));
  leave_phase(record, lookup_phase::running);
  drop(record); // a second lookup replaces the first, shares and all
  record.generation = ++generations_;
  record.asked = self_->clock().now();
  record.lease = 0;
  record.hit_chunks = 0;
  record.retrieved.clear();
  for (auto& old : table_->take_excess())
    forget(old);
  return record.generation;
}

session_record* session_state::running(const std::string& request_id, uint64_t generation) {
  auto* record = table_->find(request_id);
  return record && record->generation == generation && record->phase == lookup_phase::running
           ? record
           : nullptr;
}

void session_state::finish_lookup(const wire::cache_key& asked, uint64_t generation,
                                  chain_ptr chain, lookup_outcome outcome,
                                  lookup_result_details result) {
  auto* record = running(asked.request_id, generation);
  if (!record) { // ended or replaced meanwhile
    if (outcome.lease != 0)
      self_->send(l1, atom::close_v, outcome.lease);
    return;
  }
  leave_phase(*record, lookup_phase::done);
  record->result = std::move(result);
  record->result.seconds
    = std::chrono::duration<double>(self_->clock().now() - record->asked).count();
  record->lease = outcome.lease;
  record->lease_space = space_of(asked);
  record->lease_chain = std::move(chain);
  record->hit_chunks = outcome.hit_chunks;
  answer_waiters(asked.request_id, *record);
}

void session_state::leave_phase(session_record& record, lookup_phase next) {
  auto count = [&](lookup_phase phase) -> uint64_t* {
    return phase == lookup_phase::running ? &running_
           : phase == lookup_phase::done  ? &done_
                                          : nullptr;
  };
  if (auto* left = count(record.phase))
    --*left;
  if (auto* entered = count(next))
    ++*entered;
  record.phase = next;
  meters_->set_active(running_ + done_);
}

prefetch_status session_state::consume(const std::string& request_id, session_record& record) {
  switch (record.phase) {
    case lookup_phase::running: return {false, 0};
    case lookup_phase::done:
      leave_phase(record, lookup_phase::consumed);
      meters_->count(record.result);
      if (bus_->wants(event_type::mp_lookup_prefetch_end))
        bus_->publish(event_type::mp_lookup_prefetch_end, request_id,
                      std::exchange(record.result, {}));
      return {true, record.hit_chunks};
    case lookup_phase::none:
    case lookup_phase::consumed: break;
  }
  return {true, 0};
}

caf::typed_response_promise<prefetch_status>
session_state::query(const std::string& request_id, double timeout_s) {
  auto promise = self_->make_response_promise<prefetch_status>();
  auto* record = table_->find(request_id);
  auto status = record ? consume(request_id, *record) : prefetch_status{true, 0};
  if (status.resolved || waiting_ >= max_waiters) {
    promise.deliver(status);
    return promise;
  }
  // !(a > b) also catches NaN.
  auto wait_s = !(timeout_s > query_patience_s) ? query_patience_s : std::min(timeout_s, 3600.0);
  auto wait = std::chrono::milliseconds(static_cast<int64_t>(std::ceil(wait_s * 1000)));
  record->waiters.push_back({now_ms(*self_) + wait.count(), promise});
  ++waiting_;
  self_->delayed_send(self_, wait, atom::run_v, request_id);
  return promise;
}

void session_state::answer_waiters(const std::string& request_id, session_record& record) {
  for (auto& each : std::exchange(record.waiters, {})) {
    each.answer.deliver(consume(request_id, record));
    --waiting_;
  }
}

void session_state::expire_waiters(const std::string& request_id) {
  auto* record = table_->find(request_id);
  if (!record)
    return;
  waiting_ -= std::erase_if(record->waiters, [now = now_ms(*self_)](status_waiter& x) {
    if (x.deadline_ms > now)
      return false;
    x.answer.deliver(prefetch_status{false, 0});
    return true;
  });
}

void session_state::free_locks(const wire::cache_key& key, int64_t readers) {
  auto* record = table_->find(key.request_id);
  if (!record || record->lease == 0 || key.start >= key.end || readers < 1)
    return;
  if (record->phase == lookup_phase::done)
    leave_phase(*record, lookup_phase::consumed);
  const auto chunk = table_->chunk_tokens();
  auto first
    = (key.start + chunk - 1) / chunk; // a chunk that starts before the range is still needed
  auto end = std::min<uint64_t>(key.end / chunk, record->hit_chunks);
  if (first >= end)
    return;
  release_order order{record->lease, std::nullopt, static_cast<uint32_t>(first),
                      static_cast<uint32_t>(end),
                      static_cast<uint32_t>(std::min<int64_t>(readers, 128))};
  if (key.worker_id)
    order.rank = static_cast<uint16_t>(*key.worker_id);
  if (const auto* layout = table_->layout(key.model_name, key.world_size))
    trace_release(*bus_, record->lease_space, *record->lease_chain, layout->groups, order);
  self_->send(l1, atom::release_v, order);
}

void session_state::end(const std::string& request_id) {
  auto record = table_->take(request_id);
  if (bus_->wants(event_type::mp_vllm_end_session))
    bus_->publish(event_type::mp_vllm_end_session, {}, session_end_details{request_id});
  bus_->publish(event_type::mp_request_end, request_id);
  if (!record)
    return;
  forget(*record);
  if (record->chain && record->key)
    self_->send(l1, atom::touch_v, touch_order{space_of(*record->key), record->chain});
}

void session_state::lost(const std::vector<std::string>& request_ids) {
  for (const auto& request_id : request_ids)
    if (auto record = table_->take(request_id)) {
      bus_->publish(event_type::mp_request_end, request_id); // nobody else will end it
      forget(*record);
    }
}

lease_id session_state::lease_for(const wire::cache_key& key, int64_t instance_id,
                                  const std::vector<chunk_hash>& chain) {
  auto* record = table_->find(key.request_id);
  if (!record || record->phase == lookup_phase::running || !record->lease_chain || chain.empty())
    return 0;
  // A hash stands for all tokens up to it.
  const auto& leased = *record->lease_chain;
  if (chain.size() > leased.size() || chain.back() != leased[chain.size() - 1]
      || record->lease_space != space_of(key))
    return 0;
  const auto chunk = table_->chunk_tokens();
  auto range = std::tuple{instance_id, *key.worker_id, static_cast<uint32_t>(key.start / chunk),
                          static_cast<uint32_t>(key.end / chunk)};
  record->last_used_ms = now_ms(*self_);
  if (record->retrieved.size() >= max_retrieves)
    return 0;
  return record->retrieved.insert(range).second ? record->lease : 0;
}

void session_state::drop(const session_record& record) {
  if (record.lease != 0)
    self_->send(l1, atom::close_v, record.lease);
}

void session_state::forget(session_record& record) {
  drop(record);
  leave_phase(record, lookup_phase::none);
  answer_waiters({}, record); // with misses: no result was taken
}

void session_state::tick() {
  for (auto& record : table_->take_idle(now_ms(*self_) - session_ttl_ms_))
    forget(record);
}

session_status session_state::status() const {
  return {table_->size(), running_, table_->tokens()};
}

session_actor::behavior_type
session(session_pointer self, const session_options& options, l1_manager_actor l1) {
  self->state.init(options, std::move(l1));
  self->delayed_send(self, tick_period, atom::tick_v);
  return {
    [self](atom::attach, const model_layout& layout) { self->state.attach(layout); },
    [self](atom::detach, const model_layout& layout) { self->state.table().detach(layout); },
    [self](atom::lookup, const boxed<wire::lookup>& request) {
      run_lookup(self, request, self->state.start_lookup(request->key));
      return caf::ok_atom_v;
    },
    [self](atom::load, const boxed<wire::lookup>& request) {
      auto promise = self->make_response_promise<caf::ok_atom>();
      request_warm(self, request, runtime::reply{promise});
      return promise;
    },
    [self](atom::status, const std::string& request_id, double timeout_s) {
      return self->state.query(request_id, timeout_s);
    },
    [self](atom::release, const boxed<wire::free_lookup_locks>& request) {
      self->state.free_locks(request->key, request->key.num_kv_readers);
      return caf::ok_atom_v;
    },
    [self](atom::end, const std::string& request_id) {
      self->state.end(request_id);
      return caf::ok_atom_v;
    },
    [self](atom::lost, const std::vector<std::string>& gone) { self->state.lost(gone); },
    [self](atom::reserve verb, const boxed<wire::prepare_store>& request) {
      return start_hand_over<slot_plan>(self, request, verb, self->state.engine_driven);
    },
    [self](atom::commit verb, const boxed<wire::commit_store>& request) {
      return start_hand_over<bool>(self, request, verb, self->state.engine_driven);
    },
    [self](atom::claim verb, const boxed<wire::prepare_retrieve>& request) {
      return start_hand_over<slot_plan>(self, request, verb, self->state.engine_driven);
    },
    [self](atom::finish verb, const boxed<wire::commit_retrieve>& request) {
      return start_hand_over<bool>(self, request, verb, self->state.engine_driven);
    },
    [self](atom::store verb, const boxed<wire::store>& request) {
      return start_hand_over<bool>(self, request, verb, self->state.lmcache_driven);
    },
    [self](atom::retrieve verb, const boxed<wire::retrieve>& request) {
      return start_hand_over<bool>(self, request, verb, self->state.lmcache_driven);
    },
    [self](atom::status) { return self->state.status(); },
    [self](atom::run, const std::string& request_id) { self->state.expire_waiters(request_id); },
    [self](atom::open, const prefetch_controller_actor& prefetcher) {
      self->state.prefetcher = prefetcher;
    },
    [self](atom::open, const engine_driven_actor& engine_driven,
           const lmcache_driven_actor& lmcache_driven) {
      self->state.engine_driven = engine_driven;
      self->state.lmcache_driven = lmcache_driven;
    },
    [self](atom::tick) {
      self->state.tick();
      self->delayed_send(self, tick_period, atom::tick_v);
    },
  };
}

} // namespace actord
