#include "actors/l2/l2_adapter.hpp"

#include "actors/clock.hpp"
#include "actors/l2/l2_tasks.hpp"
#include "actors/log.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

namespace actord {

namespace {

constexpr auto tick_period = std::chrono::seconds(1);

// Objects that one round of eviction erases: a task that ends within a second or so.
constexpr size_t objects_per_round = 1024;

// That are kept apart while a scan goes on; what goes beyond them is a miss that a load finds.
constexpr size_t most_gone = 1 << 17;

// Within this a task in which some objects failed has held nobody up.
constexpr time_ms soon_ms = 1000;

l2_index::config with_capacity(l2_index::config config, const l2_backend& backend) {
  if (config.capacity_bytes == 0)
    config.capacity_bytes = backend.capacity_bytes();
  return config;
}

std::map<std::string, int64_t> count_by_salt(const std::vector<object_ref>& objects) {
  std::map<std::string, int64_t> result;
  for (const auto& object : objects)
    ++result[object.space->cache_salt];
  return result;
}

} // namespace

l2_adapter_state::l2_adapter_state(l2_adapter_control::pointer self) : self_(self) {
}

void l2_adapter_state::init(l2_adapter_settings settings, std::shared_ptr<l2_backend> backend,
                            quota_actor limits) {
  settings_ = std::move(settings);
  backend_ = std::move(backend);
  quotas = std::move(limits);
  default_capacity_ = settings_.index.capacity_bytes == 0;
  settings_.index = with_capacity(settings_.index, *backend_);
  index_ = std::make_unique<l2_index>(settings_.index);
  breaker_ = breaker{settings_.breaker};
  levels_ = std::make_shared<l2_levels>();
  settings_.gauges->set(settings_.info.index, [now = levels_, info = settings_.info](
                                                gauge_sink& to) { now->read(to, info); });
  if (!settings_.scan_at_start)
    return;
  scanning_ = true;
  backend_->scan([self = l2_adapter_actor{l2_adapter_control{self_}}](std::vector<l2_found> page) {
    std::vector<object_ref> objects;
    objects.reserve(page.size());
    for (auto& found : page)
      objects.push_back(std::move(found.object));
    caf::anon_send(self, atom::learn_v, box(std::move(objects)));
  });
}

bool l2_adapter_state::resting() const {
  return closing() || !breaker_.would_admit(now_ms(*self_));
}

bool l2_adapter_state::may_hold_more() const {
  return settings_.ask_store || scanning_;
}

std::optional<time_ms> l2_adapter_state::admit() {
  if (closing() || !breaker_.admit(now_ms(*self_)))
    return std::nullopt;
  show_condition();
  return begin_task();
}

time_ms l2_adapter_state::begin_task() {
  return *running_.insert(now_ms(*self_));
}

void l2_adapter_state::ended(const l2_report& report, time_ms began_ms) {
  if (const auto task = running_.find(began_ms); task != running_.end())
    running_.erase(task);
  if (closing() && running_.empty())
    self_->send(l2_adapter_control{self_}, atom::run_v); // once whoever asked has its answer
  uint64_t failures = 0;
  bool full = false;
  for (auto each : report.results) {
    failures += each == l2_result::failed ? 1 : 0;
    full |= each == l2_result::no_space;
    corrupt_ += each == l2_result::corrupt ? 1 : 0;
    wrong_length_ += each == l2_result::wrong_length ? 1 : 0;
  }
  failed_ += failures;
  const auto& kind = settings_.info.name;
  if (!report.error.empty() && report.error != last_error_)
    log_warn(log_part::l2, "L2 adapter {} (#{}): {}", kind, settings_.info.index, report.error);
  if (!report.error.empty())
    last_error_ = report.error;
  if (full != full_ && !report.results.empty()) {
    full_ = full;
    log_warn(log_part::l2, "L2 adapter {} (#{}) {}", kind, settings_.info.index,
             full ? "has no room: what engines store stays in L1 alone" : "takes objects again");
  }
  // One object that cannot be read says nothing of a store that serves others, and soon.
  const auto took_ms = now_ms(*self_) - began_ms;
  const bool serves = took_ms < soon_ms && std::ranges::count(report.results, l2_result::ok) > 0;
  judge(failures == 0 || serves, took_ms);
}

void l2_adapter_state::judge(bool well, time_ms took_ms) {
  const bool was_open = breaker_.open();
  breaker_.ended(well, took_ms, now_ms(*self_));
  show_condition();
  if (breaker_.open() == was_open)
    return;
  const auto& kind = settings_.info.name;
  log_warn(log_part::l2, "L2 adapter {} (#{}) {}", kind, settings_.info.index,
           was_open ? "works again" : "rests after failures: lookups go on without it");
}

void l2_adapter_state::erase_stored(const object_ref& object) {
  l2_sweep(static_cast<l2_adapter_pointer>(self_), {object}, false);
}

uint64_t l2_adapter_state::erased(const std::vector<object_ref>& going, const l2_report& report) {
  std::vector<object_ref> gone;
  for (size_t i = 0; i < going.size(); ++i) {
    if (report.results[i] == l2_result::ok || report.results[i] == l2_result::absent) {
      index_->erased(going[i]);
      gone.push_back(going[i]);
    } else {
      index_->erase_failed(going[i]);
    }
  }
  const auto count = gone.size();
  note_gone(gone);
  publish(event_type::l2_keys_deleted, std::move(gone));
  return count;
}

void l2_adapter_state::loaded(const std::vector<l2_item>& items, const l2_report& report) {
  std::vector<object_ref> good, gone;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto& object = items[i].object;
    switch (report.results[i]) {
      case l2_result::ok: good.push_back(object); break;
      case l2_result::absent: ++missing_; [[fallthrough]];
      case l2_result::wrong_length:
      case l2_result::corrupt:
        if (index_->gone(object))
          gone.push_back(object);
        break;
      case l2_result::no_space:
      case l2_result::failed: break;
    }
  }
  index_->touch(good);
  note_gone(gone);
  loaded_objects += good.size();
  publish(event_type::l2_keys_accessed, std::move(good));
  publish(event_type::l2_keys_deleted, std::move(gone));
}

void l2_adapter_state::learn(const std::vector<object_ref>& found) {
  const auto before = index_->usage().used_bytes;
  index_->learned(found);
  if (scanning_)
    scanned_bytes_ += index_->usage().used_bytes - before;
}

void l2_adapter_state::learn_page(std::vector<object_ref> found) {
  std::erase_if(found, [this](const object_ref& each) { return gone_.contains(to_key(each)); });
  learn(found);
}

void l2_adapter_state::note_gone(const std::vector<object_ref>& objects) {
  for (const auto& each : objects)
    if (scanning_ && gone_.size() < most_gone)
      gone_.insert(to_key(each));
}

l2_page l2_adapter_state::list(const l2_page_order& order) const {
  return {index_->list(order.max_objects, order.cursor, order.model_name)};
}

void l2_adapter_state::scan_ended() {
  scanning_ = false;
  gone_.clear();
  auto usage = index_->usage();
  // Room that is left: what lay there already comes on top. Slots are counted whole.
  if (default_capacity_ && usage.capacity_bytes > 0 && backend_->capacity_objects() == 0)
    index_->set_capacity(usage.capacity_bytes + scanned_bytes_);
  log_info(log_part::l2, "L2 adapter {} (#{}) holds {} objects, {} bytes", settings_.info.name,
           settings_.info.index, usage.objects, usage.used_bytes);
  check_capacity();
}

void l2_adapter_state::release(const std::vector<l2_item>& items) {
  std::vector<object_ref> objects;
  objects.reserve(items.size());
  for (const auto& item : items)
    objects.push_back(item.object);
  index_->unlock(objects);
}

void l2_adapter_state::check_capacity() {
  const auto usage = index_->usage();
  levels_->used_bytes = usage.used_bytes;
  levels_->capacity_bytes = usage.capacity_bytes;
  const auto kind = settings_.index.eviction;
  if (evicting || closing() || kind == eviction_kind::noop || kind == eviction_kind::isolated_lru)
    return;
  const auto bytes = excess(usage.used_bytes - usage.going_bytes, usage.capacity_bytes);
  // Where each object takes a slot, small ones fill the store before their bytes do.
  const auto objects = excess(usage.objects - usage.going_objects, backend_->capacity_objects());
  const auto average = static_cast<double>(usage.used_bytes)
                       / static_cast<double>(std::max<uint64_t>(usage.objects, 1));
  if (const auto goal = std::max(bytes, std::ceil(objects * average)); goal > 0)
    evict(static_cast<uint64_t>(goal), std::nullopt);
}

double l2_adapter_state::excess(uint64_t used, uint64_t capacity) const {
  const auto trigger = settings_.trigger_watermark * static_cast<double>(capacity);
  const auto now = static_cast<double>(used);
  return capacity == 0 || now < trigger ? 0 : now - trigger * (1 - settings_.eviction_ratio);
}

void l2_adapter_state::evict(uint64_t goal_bytes, std::optional<salt_id> salt) {
  auto victims = index_->plan_evict(goal_bytes, objects_per_round, salt);
  if (victims.empty())
    return;
  evicting = true;
  if (settings_.bus->wants(event_type::l2_keys_evicted)) {
    l2_details told;
    told.l2_name = settings_.info.name;
    told.adapter_index = settings_.info.index;
    told.key_count = static_cast<int64_t>(victims.size());
    told.key_count_per_salt = count_by_salt(victims);
    settings_.bus->publish(event_type::l2_keys_evicted, {}, std::move(told));
  }
  l2_sweep(static_cast<l2_adapter_pointer>(self_), std::move(victims), true);
}

void l2_adapter_state::note_task(metric kind, int change, uint64_t bytes) {
  auto& tasks = kind == metric::num_inflight_l2_stores ? levels_->stores : levels_->loads;
  tasks += static_cast<uint64_t>(change); // -1 wraps around to one less
  if (kind == metric::num_inflight_l2_loads)
    levels_->load_bytes += static_cast<uint64_t>(change) * bytes;
}

l2_state l2_adapter_state::condition() const {
  if (draining_)
    return l2_state::draining;
  return breaker_.open() || full_ ? l2_state::degraded : l2_state::ready;
}

void l2_adapter_state::show_condition() {
  levels_->breaker = !breaker_.open() ? 0 : breaker_.probing() ? 1 : 2;
  levels_->state = condition();
}

void l2_adapter_state::tick() {
  check_capacity();
  // Once a second each that hangs counts as a failure, so that lookups stop waiting for it.
  for (auto began : running_)
    if (const auto age = now_ms(*self_) - began; age > settings_.task_timeout_ms)
      judge(false, age);
  if (settings_.index.eviction == eviction_kind::isolated_lru && quotas && !evicting && !closing())
    l2_check_quotas(static_cast<l2_adapter_pointer>(self_));
}

void l2_adapter_state::publish(event_type what, std::vector<object_ref> objects) const {
  if (!objects.empty() && settings_.bus->wants(what))
    settings_.bus->publish(
      what, {},
      l1_keys_details{settings_.info.name,
                      std::make_shared<const std::vector<object_ref>>(std::move(objects))});
}

l2_adapter_status l2_adapter_state::status() const {
  l2_adapter_status result;
  result.info = settings_.info;
  result.state = condition();
  result.usage = index_->usage();
  result.salts = index_->salts();
  result.stores = stores;
  result.loads = loads;
  result.lookups = lookups;
  result.stored_objects = stored_objects;
  result.loaded_objects = loaded_objects;
  result.failed = failed_;
  result.corrupt = corrupt_;
  result.wrong_length = wrong_length_;
  result.missing = missing_;
  result.evicted = evicted;
  result.in_flight = running_.size();
  result.breaker_opened = breaker_.times_opened();
  result.scanning = scanning_;
  result.last_error = last_error_;
  result.details = backend_->status();
  result.details.emplace_back("breaker", !breaker_.open()     ? "closed"
                                         : breaker_.probing() ? "half_open"
                                                              : "open");
  if (!running_.empty())
    result.details.emplace_back("oldest_task_ms",
                                std::to_string(now_ms(*self_) - *running_.begin()));
  return result;
}

void l2_adapter_state::drain() {
  draining_ = true;
  show_condition();
}

caf::typed_response_promise<caf::ok_atom> l2_adapter_state::close() {
  drain();
  closing_ = self_->make_response_promise<caf::ok_atom>();
  auto result = *closing_;
  answer_close();
  return result;
}

void l2_adapter_state::answer_close() {
  if (closing_ && closing_->pending() && running_.empty())
    closing_->deliver(caf::ok_atom_v);
}

l2_adapter_control::behavior_type
l2_adapter(l2_adapter_pointer self, l2_adapter_settings settings,
           std::shared_ptr<l2_backend> backend, quota_actor quotas) {
  self->state.init(std::move(settings), std::move(backend), std::move(quotas));
  self->delayed_send(self, tick_period, atom::tick_v);
  return {
    [self](atom::lookup, const l2_order& order) {
      auto promise = self->make_response_promise<l2_presence>();
      l2_look_up(self, order, runtime::reply{promise});
      return promise;
    },
    [self](atom::release, const l2_order& order) { self->state.release(*order.items); },
    [self](atom::load, const l2_order& order) {
      auto promise = self->make_response_promise<boxed<l2_report>>();
      l2_load(self, order, runtime::reply{promise});
      return promise;
    },
    [self](atom::store, const l2_order& order) {
      auto promise = self->make_response_promise<boxed<l2_report>>();
      l2_store(self, order, runtime::reply{promise});
      return promise;
    },
    [self](atom::erase, const boxed<std::vector<object_ref>>& objects) {
      auto promise = self->make_response_promise<erase_report>();
      l2_erase(self, objects, runtime::reply{promise});
      return promise;
    },
    [self](atom::list, const l2_page_order& order) { return self->state.list(order); },
    [self](atom::learn, const boxed<std::vector<object_ref>>& page) {
      self->state.learn_page(*page);
      if (page->empty())
        self->state.scan_ended();
    },
    [self](atom::status) { return self->state.status(); },
    [self](atom::tick) {
      self->state.tick();
      self->delayed_send(self, tick_period, atom::tick_v);
    },
    [self](atom::stop) { self->state.drain(); },
    [self](atom::close) { return self->state.close(); },
    [self](atom::run) { self->state.answer_close(); },
  };
}

} // namespace actord
