#include "actors/cache/store_controller.hpp"

#include "actors/cache/store_batch.hpp"
#include "actors/clock.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace actord {

store_controller_state::store_controller_state(store_control::pointer self) : self_(self) {
}

void store_controller_state::init(store_controller_options chosen, l1_manager_actor l1_manager,
                                  std::shared_ptr<const shm_pool> memory) {
  options = std::move(chosen);
  l1 = std::move(l1_manager);
  pool = std::move(memory);
  lost_cell_ = &options.metrics->counter(metric::l2_lost_objects, {"evicted"});
  failed_cell_ = &options.metrics->counter(metric::l2_lost_objects, {"failed"});
}

void store_controller_state::attach(l2_adapter_actor handle, const l2_adapter_info& info) {
  const auto free = std::ranges::find_if(adapters, [](const adapter& x) { return !x.handle; });
  adapter added;
  added.handle = std::move(handle);
  added.info = info;
  if (free != adapters.end())
    *free = std::move(added);
  else if (adapters.size() < pending_store::max_adapters)
    adapters.push_back(std::move(added));
}

store_controller_state::adapter* store_controller_state::find(uint32_t id) {
  const auto found = std::ranges::find_if(adapters, [id](const adapter& each) {
    return each.handle && each.info.index == id;
  });
  return found == adapters.end() ? nullptr : &*found;
}

caf::typed_response_promise<caf::ok_atom> store_controller_state::drain(uint32_t id) {
  auto promise = self_->make_response_promise<caf::ok_atom>();
  auto* known = find(id);
  if (known)
    known->draining = true;
  if (known && known->waiting > 0)
    known->drained.push_back(promise);
  else
    promise.deliver(caf::ok_atom_v);
  return promise;
}

void store_controller_state::close(uint32_t id) {
  auto* known = find(id);
  if (!known)
    return;
  known->draining = known->closed = true;
  const auto place = static_cast<size_t>(known - adapters.data());
  std::vector<object_ref> done;
  for (auto* queue : {&waiting_, &later_})
    std::erase_if(*queue, [&](pending_store& each) {
      drop_closed(each);
      if (each.todo.none())
        done.push_back(each.object);
      return each.todo.none();
    });
  if (!done.empty())
    self_->send(l1, atom::ack_v, box(std::move(done)));
  check(place);
  const auto running = batches; // that the gates may change
  for (const auto& each : running)
    open_gates(*this, each);
  pump();
}

uint64_t store_controller_state::waiting_for(uint32_t id) const {
  const auto* known = const_cast<store_controller_state*>(this)->find(id);
  return known ? known->waiting : 0;
}

void store_controller_state::check(size_t place) {
  auto& known = adapters[place];
  if (known.waiting > 0)
    return;
  for (auto& each : std::exchange(known.drained, {}))
    each.deliver(caf::ok_atom_v);
  if (known.closed && known.running == 0)
    known = {};
}

void store_controller_state::done_at(pending_store& object, size_t place) {
  if (!object.todo.test(place))
    return;
  object.todo.reset(place);
  --adapters[place].waiting;
  check(place);
}

void store_controller_state::forget(pending_store& object) {
  for (size_t place = 0; place < adapters.size(); ++place)
    done_at(object, place);
}

void store_controller_state::drop_closed(pending_store& object) {
  for (size_t place = 0; place < adapters.size(); ++place)
    if (object.todo.test(place) && adapters[place].closed) {
      object.missed = true;
      give_up(1);
      done_at(object, place);
    }
}

void store_controller_state::task_ended(size_t place) {
  --adapters[place].running;
  check(place);
}

bool store_controller_state::only_closed_hold(const batch& one) const {
  for (size_t place = 0; place < adapters.size(); ++place)
    if (one.running.test(place) && !adapters[place].closed)
      return false;
  return true;
}

void store_controller_state::lose(pending_store& object) {
  forget(object);
  ++lost_;
  lost_cell_->add();
}

void store_controller_state::give_up(uint64_t objects) {
  failed_ += objects;
  failed_cell_->add(static_cast<double>(objects));
}

void store_controller_state::add(const std::vector<object_ref>& objects) {
  if (stopping_)
    return;
  std::bitset<pending_store::max_adapters> wanted;
  for (size_t place = 0; place < adapters.size(); ++place)
    if (adapters[place].handle && !adapters[place].draining) {
      wanted.set(place);
      adapters[place].waiting += objects.size();
    }
  if (wanted.none()) { // no reason to keep them longer than others
    self_->send(l1, atom::ack_v, box(std::vector<object_ref>{objects}));
    return;
  }
  for (const auto& object : objects)
    waiting_.push_back({object, wanted, false, 0, 0});
  for (; waiting_.size() > max_waiting; waiting_.pop_front())
    lose(waiting_.front());
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
    auto next = take_batch();
    uint64_t bytes = 0;
    for (const auto& each : next)
      bytes += each.object.length_bytes;
    ++batches_;
    bytes_in_flight_ += bytes;
    run_batch(static_cast<store_controller_pointer>(self_), std::move(next), bytes);
  }
  answer_stop();
}

void store_controller_state::ended(std::vector<pending_store> objects, uint64_t bytes) {
  --batches_;
  bytes_in_flight_ -= bytes;
  std::vector<object_ref> done;
  for (auto& each : objects) {
    if (each.todo.none()) {
      done.push_back(each.object);
      continue;
    }
    if (stopping_ || ++each.tries >= max_tries || later_.size() >= max_waiting) {
      give_up(1);
      done.push_back(each.object);
      forget(each);
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
  for (auto& each : std::exchange(later_, {}))
    forget(each);
  auto result = *stopping_;
  answer_stop();
  return result;
}

void store_controller_state::answer_stop() {
  if (stopping_ && stopping_->pending() && waiting_.empty() && batches_ == 0)
    stopping_->deliver(caf::ok_atom_v);
}

size_t store_controller_state::count_adapters() const {
  return static_cast<size_t>(
    std::ranges::count_if(adapters, [](const adapter& each) { return bool{each.handle}; }));
}

store_controller_status store_controller_state::status() const {
  return {
    waiting_.size() + later_.size(), batches_, bytes_in_flight_, count_adapters(), lost_, failed_};
}

store_control::behavior_type
store_controller(store_controller_pointer self, const store_controller_options& options,
                 l1_manager_actor l1, std::shared_ptr<const shm_pool> pool) {
  self->state.init(options, std::move(l1), std::move(pool));
  return {
    [self](atom::stored, const boxed<std::vector<object_ref>>& objects) {
      self->state.add(*objects);
    },
    [self](atom::attach, const l2_adapter_actor& adapter, const l2_adapter_info& info) {
      self->state.attach(adapter, info);
    },
    [self](atom::detach, uint32_t id) { return self->state.drain(id); },
    [self](atom::close, uint32_t id) { self->state.close(id); },
    [self](atom::status, uint32_t id) { return self->state.waiting_for(id); },
    [self](atom::run) { self->state.retry_due(); },
    [self](atom::status) { return self->state.status(); },
    [self](atom::stop) { return self->state.stop(); },
  };
}

} // namespace actord
