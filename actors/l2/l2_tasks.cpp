#include "actors/l2/l2_tasks.hpp"

#include "actors/clock.hpp"
#include "runtime/ask.hpp"
#include "runtime/external.hpp"

#include <algorithm>
#include <utility>

namespace actord {

namespace {

using backend_call = void (l2_backend::*)(l2_batch, l2_backend::done);

// Awaits one call of the store. The batch owns what the store works on, whatever becomes of the
// actor.
auto call(l2_adapter_pointer self, backend_call what, l2_batch batch) {
  auto& backend = self->state.backend();
  return runtime::external<l2_report>{self, [&backend, what,
                                             batch = std::move(batch)](l2_backend::done done) {
                                        (backend.*what)(batch, std::move(done));
                                      }};
}

// The objects of a batch as the index knows them: with the lengths that they have in the store.
std::vector<object_ref> refs_of(const l2_backend& backend, const std::vector<l2_item>& items) {
  std::vector<object_ref> result;
  result.reserve(items.size());
  for (const auto& item : items) {
    result.push_back(item.object);
    result.back().length_bytes = backend.stored_length_bytes(item.object);
  }
  return result;
}

l2_batch share(std::vector<l2_item> items) {
  return std::make_shared<const std::vector<l2_item>>(std::move(items));
}

l2_batch items_of(const std::vector<object_ref>& objects) {
  std::vector<l2_item> result;
  result.reserve(objects.size());
  for (const auto& object : objects)
    result.push_back({object, nullptr, 0});
  return share(std::move(result));
}

l2_report all_failed(size_t count, std::string why) {
  return {std::vector<l2_result>(count, l2_result::failed), std::vector<uint64_t>(count, 0),
          std::move(why)};
}

// Why a task was not admitted.
const char* refusal_of(const l2_adapter_state& state) {
  return state.closing() ? "the adapter is being removed" : "the adapter rests after failures";
}

} // namespace

runtime::task l2_look_up(l2_adapter_pointer self, l2_order order, runtime::reply<l2_presence> out) {
  auto& state = self->state;
  ++state.lookups;
  const auto& items = *order.items;
  l2_presence result;
  result.found.assign(items.size(), false);
  if (state.resting()) {
    out.deliver(std::move(result));
    co_return;
  }
  const auto refs = refs_of(state.backend(), items);
  const auto held = state.index().lock(refs);
  std::vector<size_t> unknown;
  for (size_t i = 0; i < held.size(); ++i) {
    result.found[i] = held[i].has_value();
    if (!held[i])
      unknown.push_back(i);
  }
  const auto began = now_ms(*self);
  if (unknown.empty() || !state.settings().ask_store || !state.admit(began)) {
    out.deliver(std::move(result));
    co_return;
  }
  std::vector<l2_item> asked;
  for (auto i : unknown)
    asked.push_back({items[i].object, nullptr, 0});
  auto probing = call(self, &l2_backend::probe, share(std::move(asked)));
  const auto report = co_await probing;
  state.ended(report, began);
  std::vector<object_ref> learned, wanted;
  std::vector<size_t> places;
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (report.results[i] != l2_result::ok)
      continue;
    wanted.push_back(refs[unknown[i]]);
    learned.push_back(wanted.back());
    learned.back().length_bytes = report.stored_bytes[i];
    places.push_back(unknown[i]);
  }
  state.learn(learned);
  const auto locked = state.index().lock(wanted);
  for (size_t i = 0; i < locked.size(); ++i)
    result.found[places[i]] = locked[i].has_value();
  out.deliver(std::move(result));
}

runtime::task l2_load(l2_adapter_pointer self, l2_order order, l2_report_reply out) {
  auto& state = self->state;
  ++state.loads;
  const auto began = now_ms(*self);
  if (!state.admit(began)) {
    auto refused = all_failed(order.items->size(), refusal_of(state));
    out.deliver(box(std::move(refused)));
    co_return;
  }
  uint64_t bytes = 0;
  for (const auto& item : *order.items)
    bytes += item.object.length_bytes;
  state.note_task(metric::num_inflight_l2_loads, 1, bytes);
  auto loading = call(self, &l2_backend::load, order.items);
  auto report = co_await loading;
  state.note_task(metric::num_inflight_l2_loads, -1, bytes);
  state.ended(report, began);
  state.loaded(*order.items, report);
  out.deliver(box(std::move(report)));
}

runtime::task l2_store(l2_adapter_pointer self, l2_order order, l2_report_reply out) {
  auto& state = self->state;
  ++state.stores;
  const auto& items = *order.items;
  l2_report result{std::vector<l2_result>(items.size(), l2_result::ok),
                   std::vector<uint64_t>(items.size(), 0),
                   {}};
  const auto refs = refs_of(state.backend(), items);
  const auto starts = state.index().begin_store(refs);
  std::vector<l2_item> writing;
  std::vector<size_t> places;
  for (size_t i = 0; i < items.size(); ++i) {
    if (starts[i] == store_start::full)
      result.results[i] = l2_result::no_space;
    if (starts[i] != store_start::write && starts[i] != store_start::replace)
      continue;
    writing.push_back(items[i]);
    places.push_back(i);
  }
  auto report = all_failed(writing.size(), refusal_of(state));
  const auto began = now_ms(*self);
  if (!writing.empty() && state.admit(began)) {
    state.note_task(metric::num_inflight_l2_stores, 1, 0);
    auto storing = call(self, &l2_backend::store, share(std::move(writing)));
    report = co_await storing;
    state.note_task(metric::num_inflight_l2_stores, -1, 0);
    state.ended(report, began);
  }
  std::vector<object_ref> stored, going;
  for (size_t i = 0; i < places.size(); ++i) {
    const auto& object = refs[places[i]];
    result.results[places[i]] = report.results[i];
    if (report.results[i] != l2_result::ok) {
      state.index().store_failed(object);
      if (starts[places[i]] == store_start::replace)
        state.erase_stored(object);
      continue;
    }
    const auto size = std::max(report.stored_bytes[i], object.length_bytes);
    result.stored_bytes[places[i]] = size;
    if (state.index().stored(object, size) == store_end::erase)
      going.push_back(object);
    else
      stored.push_back(object);
  }
  result.error = std::move(report.error);
  state.stored_objects += stored.size();
  state.publish(event_type::l2_keys_stored, std::move(stored));
  if (!going.empty())
    l2_sweep(self, std::move(going), false);
  state.check_capacity();
  out.deliver(box(std::move(result)));
}

runtime::task l2_erase(l2_adapter_pointer self, boxed<std::vector<object_ref>> objects,
                       runtime::reply<erase_report> out) {
  auto& state = self->state;
  erase_report result;
  if (state.closing()) {
    result.failed = objects->size();
    out.deliver(result);
    co_return;
  }
  std::vector<object_ref> going;
  const auto plans = state.index().plan_erase(*objects);
  for (size_t i = 0; i < plans.size(); ++i) {
    if (plans[i] == erase_start::erase)
      going.push_back((*objects)[i]);
    else if (plans[i] == erase_start::locked)
      ++result.locked;
    else if (plans[i] == erase_start::cancelled)
      ++result.deleted;
  }
  if (!going.empty()) {
    const auto began = now_ms(*self);
    state.begin_task(began);
    auto erasing = call(self, &l2_backend::erase, items_of(going));
    const auto report = co_await erasing;
    state.ended(report, began);
    const auto gone = state.erased(going, report);
    result.deleted += gone;
    result.failed = going.size() - gone;
  }
  out.deliver(result);
}

runtime::task l2_sweep(l2_adapter_pointer self, std::vector<object_ref> going, bool evicted) {
  auto& state = self->state;
  const auto began = now_ms(*self);
  state.begin_task(began);
  auto erasing = call(self, &l2_backend::erase, items_of(going));
  const auto report = co_await erasing;
  state.ended(report, began);
  const auto gone = state.erased(going, report);
  if (!evicted)
    co_return;
  state.evicted += gone;
  state.evicting = false;
  if (gone > 0) // else the store keeps what it has: the next tick tries again
    state.check_capacity();
}

runtime::task l2_check_quotas(l2_adapter_pointer self) {
  auto& state = self->state;
  auto listing = runtime::ask(self, state.quotas, caf::infinite, atom::list_v);
  const auto limits = co_await listing;
  if (!limits)
    co_return;
  for (const auto& salt : state.index().salts()) {
    // A salt without a quota has no allowance here (spec cache-core §3.4).
    const auto entry = std::ranges::find(*limits, salt.salt, &quota_entry::cache_salt);
    const auto limit = entry == limits->end() ? 0 : entry->limit_bytes;
    const auto trigger = state.settings().trigger_watermark * static_cast<double>(limit);
    if (salt.bytes == 0 || static_cast<double>(salt.bytes) < trigger)
      continue;
    const auto keep = limit == 0 ? 0 : trigger * (1 - state.settings().eviction_ratio);
    state.evict(static_cast<uint64_t>(static_cast<double>(salt.bytes) - keep),
                state.index().find_salt(salt.salt));
  }
}

} // namespace actord
