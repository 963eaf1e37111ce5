#include "actors/cache/l1_manager.hpp"

#include "actors/clock.hpp"
#include "storage/eviction_rule.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace actord {

namespace {

constexpr auto tick_period = std::chrono::seconds(1);

} // namespace

l1_manager_state::l1_manager_state(l1_manager_actor::pointer self) : self_(self) {
}

void l1_manager_state::init(l1_manager_options options, eviction_controller_actor eviction,
                            kv_events_actor events) {
  options_ = std::move(options);
  eviction_ = std::move(eviction);
  events_ = std::move(events);
  index_ = std::make_unique<l1_index>(
    options_.index,
    make_eviction_policy(options_.policy, ghost_limit(options_.index.capacity_bytes)));
  index_->record_changes(options_.record_changes);
  index_->record_traffic(true);
  meters_.emplace(options_.metrics, options_.l1_tag);
  told_.emplace(options_.bus, options_.l1_tag);
  told_->prepare(*index_);
}

lookup_outcome l1_manager_state::lookup(const lookup_order& order) {
  const auto space = index_->find(order.space);
  const auto outcome
    = space ? index_->lookup(*space, *order.chain, order.groups, order.shares, now_ms(*self_))
            : lookup_outcome{};
  const auto groups
    = static_cast<uint64_t>(std::ranges::count(order.groups, false, &group_layout::aux));
  meters_->looked_up(order.space.cache_salt, outcome.objects,
                     (order.chain->size() - outcome.hit_chunks) * groups * order.space.world_size);
  told_->looked_up(order, outcome);
  return outcome;
}

claim_outcome l1_manager_state::claim(const claim_order& order) {
  auto outcome
    = index_->claim(order.lease, order.rank, order.first, order.end, order.groups, now_ms(*self_));
  return outcome ? std::move(*outcome) : claim_outcome{};
}

reserve_outcome l1_manager_state::try_reserve(const reserve_order& order) {
  auto outcome = index_->reserve(index_->intern(order.space), order.range.hashes(), order.rank,
                                 order.groups, 0, now_ms(*self_), order.skip);
  publish(std::nullopt); // what had to go
  return outcome;
}

void l1_manager_state::answer(const reserve_order& order,
                              caf::typed_response_promise<reserve_outcome> promise,
                              reserve_outcome outcome) {
  const bool failed = outcome.status == reserve_outcome::code::out_of_memory;
  meters_->reserved(order.space, outcome.slots.size(),
                    failed ? order.range.hashes().size() * order.groups.size() : 0);
  told_->reserved(order, outcome);
  promise.deliver(std::move(outcome));
}

caf::typed_response_promise<reserve_outcome> l1_manager_state::reserve(boxed<reserve_order> order) {
  auto promise = self_->make_response_promise<reserve_outcome>();
  told_->asked(*order);
  auto outcome = try_reserve(*order);
  // While pages are still being reserved, "does not fit" is not the last word.
  if (outcome.status == reserve_outcome::code::out_of_memory && growing_
      && waiting_.size() < max_waiting)
    waiting_.push_back({std::move(order), promise});
  else
    answer(*order, promise, std::move(outcome));
  check_pressure();
  return promise;
}

caf::typed_response_promise<bool>
l1_manager_state::commit(reservation_id reservation, const boxed<store_origin>& origin) {
  // The answer leaves before the news: the worker waits for the one, nobody for the other.
  auto promise = self_->make_response_promise<bool>();
  told_->committing(reservation);
  const bool committed = index_->commit(reservation, now_ms(*self_));
  promise.deliver(committed);
  if (committed)
    told_->storing(*origin, options_.chunk_tokens);
  else
    told_->write_failed();
  publish(*origin);
  return promise;
}

uint64_t l1_manager_state::evict(const evict_order& order) {
  std::optional<salt_id> salt;
  if (order.salt && !(salt = index_->find_salt(*order.salt)))
    return 0;
  auto freed = index_->evict(order.bytes, columns_per_slice, salt);
  evicted_bytes_ += freed;
  pressure_told_ = false; // whoever evicts looks at the usage again
  publish(std::nullopt);
  return freed;
}

erase_report l1_manager_state::erase(const erase_order& order) {
  erase_report report;
  for (const auto& key : order.keys) {
    switch (index_->erase(key, order.force)) {
      case l1_index::deletion::deleted: ++report.deleted; break;
      case l1_index::deletion::locked: ++report.locked; break;
      case l1_index::deletion::absent: break;
    }
  }
  publish(std::nullopt);
  return report;
}

void l1_manager_state::clear(bool force) {
  index_->clear(force);
  publish(std::nullopt);
}

void l1_manager_state::touch(const touch_order& order) {
  if (auto space = index_->find(order.space))
    index_->touch(*space, *order.chain);
  told_->touched(order);
}

void l1_manager_state::finish(claim_id claim) {
  index_->finish_claim(claim);
  tell_objects();
}

void l1_manager_state::abort(reservation_id reservation) {
  index_->abort(reservation);
  told_->gave_up(reservation);
  tell_objects();
}

void l1_manager_state::quarantine(reservation_id reservation) {
  index_->quarantine(reservation);
  tell_objects();
}

hold_outcome l1_manager_state::hold(const lookup_order& order) {
  const auto space = index_->find(order.space);
  if (space)
    return index_->hold_present(*space, *order.chain, order.groups, now_ms(*self_));
  hold_outcome nothing;
  nothing.world_size = order.space.world_size;
  return nothing;
}

reserve_outcome l1_manager_state::load(const reserve_order& order, bool temporary) {
  auto outcome = try_reserve(order);
  index_->mark_loading(outcome.reservation, temporary);
  check_pressure();
  return outcome;
}

lookup_outcome l1_manager_state::settle(const settle_order& order) {
  for (const auto& load : order.loads)
    index_->commit_loaded(load.reservation, load.loaded);
  lookup_outcome outcome;
  if (order.lookup)
    if (const auto space = index_->find(order.lookup->space))
      outcome = index_->lookup(*space, *order.lookup->chain, order.lookup->groups,
                               order.lookup->shares, now_ms(*self_));
  index_->close_lease(order.held);
  publish(std::nullopt, l1_events::cause::load);
  return outcome;
}

pin_outcome l1_manager_state::pin(const std::vector<object_ref>& objects) {
  return index_->pin(objects);
}

void l1_manager_state::grow(uint64_t bytes) {
  if (bytes > 0)
    index_->grow(bytes);
  const bool done = index_->usage().total_bytes >= options_.index.capacity_bytes;
  growing_ = bytes > 0 && !done;
  auto waiting = std::exchange(waiting_, {});
  for (auto& [order, promise] : waiting) {
    auto outcome = try_reserve(*order);
    if (outcome.status == reserve_outcome::code::out_of_memory && growing_)
      waiting_.push_back({std::move(order), std::move(promise)});
    else
      answer(*order, promise, std::move(outcome));
  }
}

l1_status l1_manager_state::status() const {
  return {index_->usage(), index_->bytes_by_salt(), evicted_bytes_, index_->evictable_bytes()};
}

void l1_manager_state::tick() {
  index_->expire(now_ms(*self_));
  publish(std::nullopt);
  const bool triggered = check_pressure();
  meters_->look(triggered);
  const auto usage = index_->usage();
  meters_->fill(*index_, *options_.gen_ai);
  options_.quotas->set_used([&](const std::string& salt) { return index_->bytes_of(salt); });
  told_->ticked(usage.used_bytes, usage.configured_bytes, options_.trigger_watermark, triggered);
}

bool l1_manager_state::check_pressure() {
  auto usage = index_->usage();
  const bool high
    = usage.used_bytes >= options_.trigger_watermark * static_cast<double>(usage.configured_bytes);
  if (high && !pressure_told_ && eviction_)
    self_->send(eviction_, atom::pressure_v, usage.used_bytes, usage.configured_bytes);
  pressure_told_ = high;
  return high;
}

std::shared_ptr<const key_space> l1_manager_state::name_of(space_id space) {
  return std::make_shared<const key_space>(index_->space(space));
}

void l1_manager_state::tell_objects(l1_events::cause cause) {
  meters_->take(*index_);
  auto written = told_->take(*index_, cause);
  if (stores && cause == l1_events::cause::engine && !written.empty())
    self_->send(stores, atom::stored_v, box(std::move(written)));
  told_->prepare(*index_, stores != nullptr);
}

void l1_manager_state::publish(std::optional<store_origin> origin, l1_events::cause cause) {
  tell_objects(cause);
  auto changes = index_->drain_changes();
  if (changes.empty() || !events_)
    return;
  chunk_news_batch batch;
  batch.origin = std::move(origin);
  batch.news.reserve(changes.size());
  std::map<space_id, std::shared_ptr<const key_space>> names; // one copy a space
  std::optional<space_id> last;                               // neighbours mostly share theirs
  for (const auto& change : changes) {
    auto& known = change.space == last ? batch.news.back().space : names[change.space];
    if (!known)
      known = name_of(change.space);
    last = change.space;
    batch.news.push_back({known, change.hash, change.stored});
  }
  self_->send(events_, atom::stored_v, box(std::move(batch)));
}

l1_manager_actor::behavior_type
l1_manager(l1_manager_actor::stateful_pointer<l1_manager_state> self, l1_manager_options options,
           eviction_controller_actor eviction, kv_events_actor events) {
  self->state.init(std::move(options), std::move(eviction), std::move(events));
  self->delayed_send(self, tick_period, atom::tick_v);
  return {
    [self](atom::lookup, const boxed<lookup_order>& order) { return self->state.lookup(*order); },
    [self](atom::claim, const claim_order& order) { return self->state.claim(order); },
    [self](atom::release, const release_order& order) {
      self->state.index().release(order.lease, order.rank, order.first, order.end, order.shares);
    },
    [self](atom::close, lease_id lease) { self->state.index().close_lease(lease); },
    [self](atom::finish, claim_id claim) { self->state.finish(claim); },
    [self](atom::reserve, const boxed<reserve_order>& order) { return self->state.reserve(order); },
    [self](atom::commit, reservation_id reservation, const boxed<store_origin>& origin) {
      return self->state.commit(reservation, origin);
    },
    [self](atom::abort, reservation_id reservation) { self->state.abort(reservation); },
    [self](atom::quarantine, reservation_id reservation) { self->state.quarantine(reservation); },
    [self](atom::hold, const boxed<lookup_order>& order) { return self->state.hold(*order); },
    [self](atom::load, const boxed<reserve_order>& order, bool temporary) {
      return self->state.load(*order, temporary);
    },
    [self](atom::settle, const boxed<settle_order>& order) { return self->state.settle(*order); },
    [self](atom::pin, const boxed<std::vector<object_ref>>& objects) {
      return self->state.pin(*objects);
    },
    [self](atom::open, const store_controller_actor& stores) {
      self->state.stores = stores;
      self->state.index().record_objects(true);
      self->state.index().keep_dirty(true);
    },
    [self](atom::ack, const boxed<std::vector<object_ref>>& objects) {
      self->state.index().cleaned(*objects);
    },
    [self](atom::touch, const touch_order& order) { self->state.touch(order); },
    [self](atom::evict, const evict_order& order) { return self->state.evict(order); },
    [self](atom::clear, bool force) {
      self->state.clear(force);
      return caf::ok_atom_v;
    },
    [self](atom::erase, const erase_order& order) { return self->state.erase(order); },
    [self](atom::grow, uint64_t bytes) { self->state.grow(bytes); },
    [self](atom::status) { return self->state.status(); },
    [self](atom::tick) {
      self->state.tick();
      self->delayed_send(self, tick_period, atom::tick_v);
    },
  };
}

} // namespace actord
