#include "actors/l2_registry.hpp"

#include "actors/l2/l2_adapter.hpp"
#include "actors/log.hpp"
#include "runtime/ask.hpp"
#include "runtime/options/l2_adapter_checks.hpp"
#include "runtime/task.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

constexpr const char* still_opens = "its store has not answered yet";
constexpr const char* still_copies = "objects that wait to be copied to it";
constexpr const char* still_runs
  = "its running tasks: the memory that its store may still touch stays reserved until they end";
constexpr const char* still_closes = "its store, which writes what is left and lets go";

// Folders of files are never full by themselves: without an eviction of their own they would fill
// the volume.
eviction_options eviction_of(const l2_adapter_options& options) {
  if (options.eviction)
    return *options.eviction;
  eviction_options result;
  result.policy = std::holds_alternative<fs_l2_options>(options.store) ? "LRU" : "noop";
  return result;
}

l2_adapter_settings settings_of(const l2_entry& entry, const l2_registry_settings& with) {
  const auto& options = *entry.options;
  const auto eviction = eviction_of(options);
  l2_adapter_settings result;
  result.info = entry.info;
  result.index.capacity_bytes = options.max_capacity_bytes.value_or(0);
  result.index.alignment_bytes = with.l1.align_bytes;
  result.index.eviction = parse_eviction_kind(eviction.policy).value_or(eviction_kind::noop);
  result.trigger_watermark = eviction.trigger_watermark;
  result.eviction_ratio = eviction.eviction_ratio;
  const auto& breaker = options.breaker;
  result.breaker
    = {breaker.failures, breaker.cooldown_ms, breaker.max_cooldown_ms, breaker.latency_limit_ms};
  result.task_timeout_ms = std::max(options.load_timeout_ms, options.store_timeout_ms);
  // What waits in line for a serde's memory may take its limit twice.
  const auto* redis = std::get_if<redis_l2_options>(&options.store);
  if (options.serde.index() != 0 || (redis && redis->checksums))
    result.task_timeout_ms *= 2;
  if (const auto* fs = std::get_if<fs_l2_options>(&options.store))
    result.scan_at_start = fs->scan_at_start;
  result.ask_store = !options.exclusive;
  result.gauges = with.gauges;
  result.bus = with.bus;
  return result;
}

// Nothing new goes to the adapter; ends when what waited for it is there, or given up.
runtime::task wait_for_copies(l2_registry_pointer self, uint32_t id) {
  auto draining = runtime::ask(self, self->state.peers.stores, caf::infinite, atom::detach_v, id);
  co_await draining;
  auto* one = self->state.find(id);
  if (!one)
    co_return;
  one->entry.drained = true;
  if (one->entry.removing)
    co_return;
  one->entry.waits_for.clear();
  log_info(log_part::l2, "L2 adapter {} (#{}) is drained: it serves loads until it is removed",
           one->entry.info.name, id);
}

// The steps of an adapter's end, one after the other.
runtime::task take_away(l2_registry_pointer self, uint32_t id) {
  const auto& peers = self->state.peers;
  auto flushing
    = runtime::ask(self, peers.stores, l2_registry_state::flush_time, atom::detach_v, id);
  const auto flushed = co_await flushing;
  auto* one = self->state.find(id);
  if (!one)
    co_return;
  if (!flushed)
    log_warn(
      log_part::l2,
      "L2 adapter {} (#{}) goes: some objects were not copied to it in {} s and are given up",
      one->entry.info.name, id, l2_registry_state::flush_time.count());
  self->send(peers.stores, atom::close_v, id);
  one->entry.waits_for = still_runs;
  auto closing = runtime::ask(self, one->control, caf::infinite, atom::close_v);
  co_await closing;
  self->state.end_actor(id);
}

} // namespace

std::string l2_actor_name(const l2_adapter_info& adapter) {
  return "l2-" + adapter.name + "-" + std::to_string(adapter.index);
}

l2_registry_state::l2_registry_state(l2_registry_actor::pointer self) : self_(self) {
}

void l2_registry_state::init(
  l2_registry_settings settings, l2_registry_peers others,
  std::vector<std::pair<l2_adapter_options, std::shared_ptr<l2_backend>>> open) {
  settings_ = std::move(settings);
  peers = std::move(others);
  for (auto& [options, backend] : open) {
    const auto id = next_id_++;
    auto& one = adapters_[id];
    one.entry.info = {id, options.type, options.shared};
    one.entry.options = std::make_shared<const l2_adapter_options>(std::move(options));
    one.backend = std::move(backend);
    serve(one);
  }
  flags_ = next_id_;
  refresh();
}

l2_registry_state::adapter* l2_registry_state::find(uint32_t id) {
  const auto known = adapters_.find(id);
  return known == adapters_.end() ? nullptr : &known->second;
}

std::string l2_registry_state::conflict_of(const l2_adapter_options& wanted) const {
  if (adapters_.size() >= max_l2_adapters)
    return "there are " + std::to_string(adapters_.size()) + " L2 adapters, and "
           + std::to_string(max_l2_adapters) + " are possible: remove one first";
  const auto place = place_of(wanted);
  if (place.where.empty())
    return {};
  for (const auto& [id, each] : adapters_)
    if (place_of(*each.entry.options) == place)
      return place.key + " is that of L2 adapter " + std::to_string(id) + " ('"
             + each.entry.info.name + "', " + to_text(each.entry.state)
             + "): a store is attached once; remove that one first, or name another place";
  return {};
}

caf::result<l2_entry> l2_registry_state::open(const boxed<l2_adapter_options>& options) {
  if (stopped_)
    return make_error(ec::unavailable, "the daemon is stopping");
  if (auto conflict = conflict_of(*options); !conflict.empty())
    return make_error(ec::busy, std::move(conflict));
  const auto id = next_id_++;
  auto& one = adapters_[id];
  one.entry.info = {id, options->type, options->shared};
  one.entry.options = options.value;
  one.entry.waits_for = still_opens;
  settings_.gauges->set(id, [info = one.entry.info](gauge_sink& to) {
    show_state(to, info, l2_state::opening);
  });
  one.attaching = self_->make_response_promise<l2_entry>();
  auto promise = *one.attaching;
  // A store that hangs keeps the thread, and nothing else of the daemon.
  auto reach = [threads = settings_.threads, reach = settings_.reach, options = options.value,
                registry = l2_registry_actor{self_}, id] {
    auto found = std::make_shared<l2_opened>(reach(*options));
    const bool told = threads->unless_ended(
      [&] { caf::anon_send(registry, atom::learn_v, id, boxed<l2_opened>{found}); });
    if (!told) // the process ends: its destructor may need what is gone already
      static_cast<void>(new std::shared_ptr<l2_opened>(found));
  };
  if (!settings_.threads->run(l2_threads::job::may_hang, std::move(reach)))
    fail(id, "no thread can be started: raise the limit of processes");
  else
    self_->delayed_send(self_, open_patience, atom::tick_v, id);
  return promise;
}

void l2_registry_state::still_opening(uint32_t id) {
  auto* one = find(id);
  if (one && one->attaching)
    std::exchange(one->attaching, std::nullopt)->deliver(one->entry);
}

void l2_registry_state::fail(uint32_t id, const std::string& why) {
  auto& one = adapters_.at(id);
  const auto kind = one.entry.info.name;
  log_error(log_part::l2, "L2 adapter {} (#{}) is not attached: {}", kind, id, why);
  if (failures_.size() >= most_failures)
    failures_.pop_front();
  failures_.emplace_back(id, why);
  if (one.attaching)
    one.attaching->deliver(make_error(ec::rejected, "L2 adapter ('" + kind + "'): " + why));
  settings_.gauges->remove(id);
  adapters_.erase(id);
}

void l2_registry_state::opened(uint32_t id, const l2_opened& store) {
  auto* one = find(id);
  auto backend = std::exchange(store.backend, nullptr);
  if (!backend && one)
    return fail(id, store.fault);
  if (stopped_ || !one || one->entry.removing)
    return let_go(id, std::move(backend));
  one->backend = std::move(backend);
  serve(*one);
  log_info(log_part::l2,
           "L2 adapter {} (#{}) was attached while running: it is gone after a restart unless "
           "--l2-adapter names it",
           one->entry.info.name, id);
  if (one->attaching)
    std::exchange(one->attaching, std::nullopt)->deliver(one->entry);
  refresh();
}

void l2_registry_state::serve(adapter& one) {
  auto& entry = one.entry;
  const auto actor_name = l2_actor_name(entry.info);
  one.control = runtime::spawn_named(self_->system(), *settings_.census, actor_name, l2_adapter,
                                     settings_of(entry, settings_), one.backend, peers.quotas);
  entry.actor = l2_adapter_actor{one.control};
  entry.state = l2_state::ready;
  entry.waits_for.clear();
  self_->monitor(one.control);
  if (settings_.watch)
    settings_.watch(entry.actor, actor_name);
  self_->send(peers.stores, atom::attach_v, entry.actor, entry.info);
  self_->send(peers.prefetcher, atom::attach_v, entry.actor, entry.info);
  if (!std::exchange(told_, true)) {
    if (peers.l1)
      self_->send(peers.l1, atom::open_v, store_controller_actor{peers.stores});
    if (peers.sessions)
      self_->send(peers.sessions, atom::open_v, prefetch_controller_actor{peers.prefetcher});
  }
  log_info(log_part::l2, "L2 adapter {} (#{}) serves", entry.info.name, entry.info.index);
}

void l2_registry_state::start_drain(adapter& one) {
  one.entry.state = l2_state::draining;
  one.entry.waits_for = still_copies;
  self_->send(one.control, atom::stop_v);
  log_info(log_part::l2, "L2 adapter {} (#{}) drains: nothing new is copied to it",
           one.entry.info.name, one.entry.info.index);
  wait_for_copies(static_cast<l2_registry_pointer>(self_), one.entry.info.index);
  refresh();
}

caf::result<l2_entry> l2_registry_state::drain(uint32_t id) {
  auto* one = find(id);
  if (!one)
    return unknown(id);
  if (one->entry.state == l2_state::opening)
    return make_error(ec::busy, "L2 adapter " + std::to_string(id)
                                  + " still opens: wait until it is ready, or remove it");
  if (one->entry.state != l2_state::draining)
    start_drain(*one);
  return one->entry;
}

caf::result<l2_entry> l2_registry_state::remove(uint32_t id) {
  auto* one = find(id);
  if (!one)
    return unknown(id);
  auto& entry = one->entry;
  if (std::exchange(entry.removing, true))
    return entry;
  if (entry.state == l2_state::opening) {
    entry.state = l2_state::draining;
    settings_.gauges->set(id, [info = entry.info](gauge_sink& to) {
      show_state(to, info, l2_state::draining);
    });
    if (one->attaching)
      std::exchange(one->attaching, std::nullopt)
        ->deliver(make_error(ec::busy, "it was removed before its store had answered"));
    return entry;
  }
  if (entry.state != l2_state::draining)
    start_drain(*one);
  entry.waits_for = still_copies;
  self_->send(peers.prefetcher, atom::detach_v, id);
  take_away(static_cast<l2_registry_pointer>(self_), id);
  refresh();
  return entry;
}

caf::error l2_registry_state::unknown(uint32_t id) const {
  const auto failed = std::ranges::find(failures_, id, [](const auto& each) { return each.first; });
  const auto who = "L2 adapter " + std::to_string(id);
  if (failed != failures_.end())
    return make_error(ec::absent, who + " is not attached: " + failed->second);
  return make_error(ec::absent, id < next_id_ ? who + " was removed" : "there is no " + who);
}

caf::result<l2_entry> l2_registry_state::get(uint32_t id) const {
  const auto known = adapters_.find(id);
  if (known == adapters_.end())
    return unknown(id);
  return known->second.entry;
}

l2_entries l2_registry_state::list() const {
  l2_entries result;
  for (const auto& [id, each] : adapters_)
    result.list.push_back(each.entry);
  return result;
}

void l2_registry_state::end_actor(uint32_t id) {
  auto* one = find(id);
  if (!one || stopped_)
    return;
  one->entry.actor = nullptr;
  one->entry.waits_for = still_closes;
  self_->send_exit(one->control, caf::exit_reason::user_shutdown);
}

void l2_registry_state::actor_down(const caf::actor_addr& who) {
  for (auto& [id, each] : adapters_) {
    if (!each.control || each.control.address() != who || each.entry.actor)
      continue;
    each.control = nullptr;
    return let_go(id, std::move(each.backend));
  }
}

void l2_registry_state::let_go(uint32_t id, std::shared_ptr<l2_backend> backend) {
  // One place that every copy of the job shares: only the job itself ends the store.
  auto held = std::make_shared<std::shared_ptr<l2_backend>>(std::move(backend));
  auto work = [threads = settings_.threads, registry = l2_registry_actor{self_}, id, held] {
    held->reset(); // waits for what the store still does
    threads->unless_ended([&] { caf::anon_send(registry, atom::end_v, id); });
  };
  if (!settings_.threads->run(l2_threads::job::must_end, work))
    work();
}

void l2_registry_state::gone(uint32_t id) {
  auto* one = find(id);
  if (!one)
    return;
  log_info(log_part::l2, "L2 adapter {} (#{}) is closed{}", one->entry.info.name, id,
           id < flags_ ? "; a restart brings it back unless its --l2-adapter goes, too" : "");
  settings_.gauges->remove(id);
  adapters_.erase(id);
  refresh();
}

void l2_registry_state::refresh() {
  uint64_t active = 0, draining = 0;
  time_ms lookup_timeout = 0, load_timeout = 0;
  for (const auto& [id, each] : adapters_) {
    if (!each.entry.actor)
      continue;
    ++(each.entry.state == l2_state::draining ? draining : active);
    lookup_timeout = std::max(lookup_timeout, each.entry.options->lookup_timeout_ms);
    load_timeout = std::max(load_timeout, each.entry.options->load_timeout_ms);
  }
  settings_.counts->active = active;
  settings_.counts->draining = draining;
  if (active + draining > 0)
    self_->send(peers.prefetcher, atom::set_v, lookup_timeout, load_timeout);
}

boxed<l2_holdings> l2_registry_state::stop() {
  stopped_ = true;
  l2_holdings result;
  for (auto& [id, each] : adapters_) {
    if (each.attaching)
      each.attaching->deliver(make_error(ec::unavailable, "the daemon is stopping"));
    each.attaching.reset();
    if (each.backend)
      result.list.push_back({l2_adapter_actor{each.control}, std::move(each.backend)});
  }
  return box(std::move(result));
}

l2_registry_actor::behavior_type
l2_registry(l2_registry_pointer self, l2_registry_settings settings, l2_registry_peers peers,
            std::vector<std::pair<l2_adapter_options, std::shared_ptr<l2_backend>>> open) {
  self->set_down_handler(
    [self](const caf::down_msg& down) { self->state.actor_down(down.source); });
  self->state.init(std::move(settings), std::move(peers), std::move(open));
  return {
    [self](atom::open, const boxed<l2_adapter_options>& options) {
      return self->state.open(options);
    },
    [self](atom::detach, uint32_t id) { return self->state.drain(id); },
    [self](atom::close, uint32_t id) { return self->state.remove(id); },
    [self](atom::get, uint32_t id) { return self->state.get(id); },
    [self](atom::list) { return self->state.list(); },
    [self](atom::learn, uint32_t id, const boxed<l2_opened>& store) {
      self->state.opened(id, *store);
    },
    [self](atom::tick, uint32_t id) { self->state.still_opening(id); },
    [self](atom::end, uint32_t id) { self->state.gone(id); },
    [self](atom::stop) { return self->state.stop(); },
  };
}

} // namespace actord
