#include "actors/cache/store_batch.hpp"

#include "runtime/ask.hpp"

#include <map>
#include <utility>

namespace actord {

void open_gates(const store_controller_state& state, const batch_ptr& batch) {
  if (state.only_closed_hold(*batch))
    batch->settled.open();
  if (batch->running.none())
    batch->free.open();
}

namespace {

std::map<std::string, int64_t> count_by_salt(const std::vector<object_ref>& objects) {
  std::map<std::string, int64_t> result;
  for (const auto& object : objects)
    ++result[object.space->cache_salt];
  return result;
}

l2_details details_of(const store_controller_state::adapter& adapter, int64_t task,
                      const std::vector<object_ref>& objects) {
  l2_details result;
  result.adapter_index = adapter.info.index;
  result.task_id = task;
  result.l2_name = adapter.info.name;
  result.key_count = static_cast<int64_t>(objects.size());
  result.key_count_per_salt = count_by_salt(objects);
  return result;
}

void tell_submitted(event_publisher& bus, const store_controller_state::adapter& adapter,
                    int64_t task, const std::vector<object_ref>& objects) {
  if (!bus.wants(event_type::l2_store_submitted))
    return;
  auto details = details_of(adapter, task, objects);
  int64_t bytes = 0;
  for (const auto& object : objects)
    bytes += static_cast<int64_t>(object.length_bytes);
  details.bytes = bytes;
  bus.publish(event_type::l2_store_submitted, {}, std::move(details));
}

void tell_completed(event_publisher& bus, const store_controller_state::adapter& adapter,
                    int64_t task, const std::vector<object_ref>& objects, const l2_report* report) {
  if (!bus.wants(event_type::l2_store_completed))
    return;
  std::vector<object_ref> good;
  int64_t bytes = 0;
  for (size_t i = 0; report && i < objects.size(); ++i)
    if (report->results[i] == l2_result::ok) {
      good.push_back(objects[i]);
      bytes += static_cast<int64_t>(report->stored_bytes[i]);
    }
  auto details = details_of(adapter, task, good);
  details.bytes = bytes;
  details.succeeded = static_cast<int64_t>(good.size());
  details.failed = static_cast<int64_t>(objects.size() - good.size());
  bus.publish(event_type::l2_store_completed, {}, std::move(details));
}

// Hands one adapter what it does not have yet.
void send_to(store_controller_pointer self, const batch_ptr& batch, size_t place) {
  auto& state = self->state;
  const auto adapter = state.adapters[place];
  std::vector<l2_item> items;
  std::vector<object_ref> objects;
  std::vector<size_t> origin;
  for (size_t i = 0; i < batch->objects.size(); ++i) {
    if (!batch->objects[i].todo.test(place))
      continue;
    items.push_back(batch->items[i]);
    objects.push_back(batch->objects[i].object);
    origin.push_back(i);
  }
  if (items.empty())
    return;
  batch->running.set(place);
  ++state.adapters[place].running;
  const auto task = static_cast<int64_t>(++state.tasks);
  tell_submitted(*state.options.bus, adapter, task, objects);
  auto finish = [self, batch, place, adapter, task, objects, origin](const l2_report* report) {
    auto& now = self->state;
    tell_completed(*now.options.bus, adapter, task, objects, report);
    for (size_t i = 0; report && !batch->over && i < origin.size(); ++i)
      if (report->results[i] == l2_result::ok)
        now.done_at(batch->objects[origin[i]], place);
    batch->running.reset(place);
    open_gates(now, batch);
    now.task_ended(place);
  };
  self
    ->request(adapter.handle, caf::infinite, atom::store_v,
              l2_order{std::make_shared<const std::vector<l2_item>>(std::move(items))})
    .then([finish](const boxed<l2_report>& report) { finish(report.value.get()); },
          [finish](caf::error&) { finish(nullptr); });
}

// What every adapter has leaves L1, where that is the policy.
void drop_from_l1(store_controller_pointer self, const std::vector<pending_store>& objects) {
  erase_order order;
  for (const auto& each : objects)
    if (each.todo.none() && !each.missed)
      order.keys.push_back(to_key(each.object));
  if (!order.keys.empty())
    self->request(self->state.l1, caf::infinite, atom::erase_v, std::move(order))
      .then([](const erase_report&) {});
}

} // namespace

runtime::task
run_batch(store_controller_pointer self, std::vector<pending_store> wanted, uint64_t bytes) {
  auto& state = self->state;
  std::vector<object_ref> names;
  for (const auto& each : wanted)
    names.push_back(each.object);
  auto pinning = runtime::ask(self, state.l1, caf::infinite, atom::pin_v, box(std::move(names)));
  const auto pinned = co_await pinning;
  const auto batch = std::make_shared<store_controller_state::batch>();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!pinned || pinned->slots[i].length_bytes != wanted[i].object.length_bytes) {
      state.lose(wanted[i]); // evicted before its turn
      continue;
    }
    const auto& slot = pinned->slots[i];
    state.drop_closed(wanted[i]);
    batch->items.push_back(
      {wanted[i].object, state.pool->data() + slot.offset_bytes, slot.length_bytes});
    batch->objects.push_back(std::move(wanted[i]));
  }
  state.batches.insert(batch);
  for (size_t place = 0; place < state.adapters.size(); ++place)
    send_to(self, batch, place);
  if (!state.only_closed_hold(*batch))
    co_await batch->settled.wait();
  batch->over = true;
  for (auto& each : batch->objects)
    state.drop_closed(each);
  const bool held = batch->running.any();
  if (!held && pinned && pinned->claim != 0)
    self->send(state.l1, atom::finish_v, pinned->claim);
  if (!state.options.keep_in_l1)
    drop_from_l1(self, batch->objects);
  state.ended(std::move(batch->objects), bytes);
  // Nobody waits for a store that was closed while it hung, but its memory is nobody else's.
  if (held)
    co_await batch->free.wait();
  state.batches.erase(batch);
  if (held && pinned && pinned->claim != 0)
    self->send(state.l1, atom::finish_v, pinned->claim);
}

} // namespace actord
