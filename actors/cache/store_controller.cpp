#include "actors/cache/store_controller.hpp"

#include "actors/clock.hpp"
#include "runtime/ask.hpp"
#include "runtime/gate.hpp"
#include "runtime/task.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

namespace actord {

namespace {

/// A batch under way: shared by the answers of its adapters.
struct store_batch {
  std::vector<pending_store> objects; // those that are pinned
  std::vector<l2_item> items;
  uint64_t bytes = 0;
  size_t missing = 0; // answers
  runtime::gate gate;
};
using batch_ptr = std::shared_ptr<store_batch>;

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
    if (batch->objects[i].stored[place])
      continue;
    items.push_back(batch->items[i]);
    objects.push_back(batch->objects[i].object);
    origin.push_back(i);
  }
  if (items.empty())
    return;
  ++batch->missing;
  const auto task = static_cast<int64_t>(++state.tasks);
  tell_submitted(*state.options.bus, adapter, task, objects);
  auto finish = [self, batch, place, adapter, task, objects, origin](const l2_report* report) {
    tell_completed(*self->state.options.bus, adapter, task, objects, report);
    for (size_t i = 0; report && i < origin.size(); ++i)
      if (report->results[i] == l2_result::ok)
        batch->objects[origin[i]].stored.set(place);
    if (--batch->missing == 0)
      batch->gate.open();
  };
  self
    ->request(adapter.handle, caf::infinite, atom::store_v,
              l2_order{std::make_shared<const std::vector<l2_item>>(std::move(items))})
    .then([finish](const boxed<l2_report>& report) { finish(report.value.get()); },
          [finish](caf::error&) { finish(nullptr); });
}

bool everywhere(const pending_store& object, size_t adapters) {
  return object.stored.count() >= adapters;
}

// What every adapter has leaves L1, where that is the policy.
void drop_from_l1(store_controller_pointer self, const store_batch& batch) {
  erase_order order;
  for (const auto& each : batch.objects)
    if (everywhere(each, self->state.adapters.size()))
      order.keys.push_back(to_key(each.object));
  if (!order.keys.empty())
    self->request(self->state.l1, caf::infinite, atom::erase_v, std::move(order))
      .then([](const erase_report&) {});
}

runtime::task
run_batch(store_controller_pointer self, std::vector<pending_store> wanted, uint64_t bytes) {
  auto& state = self->state;
  std::vector<object_ref> names;
  for (const auto& each : wanted)
    names.push_back(each.object);
  auto pinning = runtime::ask(self, state.l1, caf::infinite, atom::pin_v, box(std::move(names)));
  const auto pinned = co_await pinning;
  const auto batch = std::make_shared<store_batch>();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!pinned || pinned->slots[i].length_bytes != wanted[i].object.length_bytes) {
      state.lose(); // evicted before its turn
      continue;
    }
    const auto& slot = pinned->slots[i];
    batch->items.push_back(
      {wanted[i].object, state.pool->data() + slot.offset_bytes, slot.length_bytes});
    batch->objects.push_back(std::move(wanted[i]));
  }
  for (size_t place = 0; place < state.adapters.size(); ++place)
    send_to(self, batch, place);
  if (batch->missing > 0)
    co_await batch->gate.wait();
  if (pinned && pinned->claim != 0)
    self->send(state.l1, atom::finish_v, pinned->claim);
  if (!state.options.keep_in_l1)
    drop_from_l1(self, *batch);
  state.ended(std::move(batch->objects), bytes);
}

} // namespace

store_controller_state::store_controller_state(store_controller_actor::pointer self) : self_(self) {
}

void store_controller_state::init(store_controller_options chosen, l1_manager_actor l1_manager,
                                  std::shared_ptr<const shm_pool> memory) {
  options = std::move(chosen);
  l1 = std::move(l1_manager);
  pool = std::move(memory);
  lost_cell_ = &options.metrics->counter(metric::l2_lost_objects, {"evicted"});
  failed_cell_ = &options.metrics->counter(metric::l2_lost_objects, {"failed"});
}

void store_controller_state::lose() {
  ++lost_;
  lost_cell_->add();
}

void store_controller_state::give_up(uint64_t objects) {
  failed_ += objects;
  failed_cell_->add(static_cast<double>(objects));
}

void store_controller_state::add(const std::vector<object_ref>& objects) {
  if (stopping_ || adapters.empty())
    return;
  for (const auto& object : objects)
    waiting_.push_back({object, {}, 0, 0});
  for (; waiting_.size() > max_waiting; lose())
    waiting_.pop_front();
  pump();
}

std::vector<pending_store> store_controller_state::take_batch() {
  std::vector<pending_store> result;
  for (uint64_t bytes = 0; !waiting_.empty() && result.size() < objects_per_batch;) {
    bytes += waiting_.front().object.length_bytes;
    if (bytes > bytes_per_batch && !result.empty())
      break;
    result.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return result;
}

void store_controller_state::pump() {
  while (!waiting_.empty() && batches_ < max_batches
         && (batches_ == 0 || bytes_in_flight_ < options.max_bytes_in_flight)) {
    auto batch = take_batch();
    uint64_t bytes = 0;
    for (const auto& each : batch)
      bytes += each.object.length_bytes;
    ++batches_;
    bytes_in_flight_ += bytes;
    run_batch(static_cast<store_controller_pointer>(self_), std::move(batch), bytes);
  }
  answer_stop();
}

void store_controller_state::ended(std::vector<pending_store> batch, uint64_t bytes) {
  --batches_;
  bytes_in_flight_ -= bytes;
  std::vector<object_ref> done;
  for (auto& each : batch) {
    if (everywhere(each, adapters.size())) {
      done.push_back(each.object);
      continue;
    }
    if (stopping_ || ++each.tries >= max_tries || later_.size() >= max_waiting) {
      give_up(1);
      done.push_back(each.object);
      continue;
    }
    each.due_ms = now_ms(*self_) + (first_pause_ms << (each.tries - 1));
    later_.push_back(std::move(each));
  }
  if (!done.empty())
    self_->send(l1, atom::ack_v, box(std::move(done)));
  if (!later_.empty() && !std::exchange(retry_armed_, true))
    self_->delayed_send(self_, std::chrono::milliseconds(first_pause_ms), atom::run_v);
  pump();
}

void store_controller_state::retry_due() {
  retry_armed_ = false;
  const auto now = now_ms(*self_);
  std::deque<pending_store> not_yet;
  for (auto& each : std::exchange(later_, {}))
    (each.due_ms <= now ? waiting_ : not_yet).push_back(std::move(each));
  later_ = std::move(not_yet);
  if (!later_.empty() && !std::exchange(retry_armed_, true))
    self_->delayed_send(self_, std::chrono::milliseconds(first_pause_ms), atom::run_v);
  pump();
}

caf::typed_response_promise<caf::ok_atom> store_controller_state::stop() {
  stopping_ = self_->make_response_promise<caf::ok_atom>();
  give_up(later_.size());
  later_.clear();
  auto result = *stopping_;
  answer_stop();
  return result;
}

void store_controller_state::answer_stop() {
  if (stopping_ && stopping_->pending() && waiting_.empty() && batches_ == 0)
    stopping_->deliver(caf::ok_atom_v);
}

store_controller_status store_controller_state::status() const {
  return {
    waiting_.size() + later_.size(), batches_, bytes_in_flight_, adapters.size(), lost_, failed_};
}

store_controller_actor::behavior_type
store_controller(store_controller_pointer self, const store_controller_options& options,
                 l1_manager_actor l1, std::shared_ptr<const shm_pool> pool) {
  self->state.init(options, std::move(l1), std::move(pool));
  return {
    [self](atom::stored, const boxed<std::vector<object_ref>>& objects) {
      self->state.add(*objects);
    },
    [self](atom::attach, const l2_adapter_actor& adapter, const l2_adapter_info& info) {
      auto& all = self->state.adapters;
      if (all.size() < pending_store::max_adapters)
        all.push_back({adapter, info});
    },
    [self](atom::run) { self->state.retry_due(); },
    [self](atom::status) { return self->state.status(); },
    [self](atom::stop) { return self->state.stop(); },
  };
}

} // namespace actord
