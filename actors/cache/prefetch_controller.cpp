#include "actors/cache/prefetch_controller.hpp"

#include "actors/cache/prefetch_lookup.hpp"
#include "actors/cache/prefetch_warm.hpp"
#include "actors/clock.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace actord {

namespace {

constexpr auto tick_period = std::chrono::milliseconds(250); // while somebody waits

} // namespace

prefetch_controller_state::prefetch_controller_state(prefetch_control::pointer self) : self_(self) {
}

void prefetch_controller_state::init(prefetch_controller_options chosen,
                                     l1_manager_actor l1_manager,
                                     std::shared_ptr<const shm_pool> memory) {
  options = std::move(chosen);
  lane.max_in_flight = options.max_in_flight;
  budget.max_bytes = options.max_load_bytes;
  warm_lane.max_in_flight = options.warm_max_in_flight;
  l1 = std::move(l1_manager);
  pool = std::move(memory);
}

std::shared_ptr<runtime::gate> prefetch_lane::enter() {
  if (running_ < max_in_flight) {
    ++running_;
    return nullptr;
  }
  return waiting_.emplace_back(std::make_shared<runtime::gate>());
}

void prefetch_lane::leave() {
  if (waiting_.empty()) {
    --running_;
    return;
  }
  auto next = std::move(waiting_.front()); // takes the place
  waiting_.pop_front();
  next->open();
}

std::shared_ptr<runtime::gate> prefetch_budget::enter(uint64_t bytes) {
  if (waiting_.empty() && fits(bytes)) {
    bytes_ += bytes;
    return nullptr;
  }
  return waiting_.emplace_back(turn{bytes, std::make_shared<runtime::gate>()}).gate;
}

void prefetch_budget::leave(uint64_t bytes) {
  bytes_ -= bytes;
  std::vector<std::shared_ptr<runtime::gate>> next;
  for (; !waiting_.empty() && fits(waiting_.front().bytes); waiting_.pop_front()) {
    bytes_ += waiting_.front().bytes;
    next.push_back(std::move(waiting_.front().gate));
  }
  for (const auto& gate : next) // last: who has its turn may leave at once
    gate->open();
}

std::shared_ptr<prefetch_step>
prefetch_controller_state::begin_step(size_t missing, time_ms limit_ms) {
  auto step = std::make_shared<prefetch_step>();
  step->missing = missing;
  if (timed_.empty())
    self_->delayed_send(self_, tick_period, atom::tick_v);
  timed_.push_back({now_ms(*self_) + limit_ms, step});
  return step;
}

void prefetch_controller_state::tick() {
  const auto now = now_ms(*self_);
  std::vector<std::shared_ptr<prefetch_step>> due;
  std::erase_if(timed_, [&](const timed_step& each) {
    auto step = each.step.lock();
    if (!step || step->over || step->gate.is_open())
      return true;
    if (each.deadline_ms > now)
      return false;
    due.push_back(std::move(step));
    return true;
  });
  if (!timed_.empty())
    self_->delayed_send(self_, tick_period, atom::tick_v);
  overdue += due.size();
  for (const auto& step : due) // last: their lookups go on at once
    step->gate.open();
}

prefetch_controller_status prefetch_controller_state::status() const {
  return {options.max_in_flight, lane.waiting(), in_lookup,  in_load,
          adapters.size(),       overdue,        warm.open()};
}

prefetch_control::behavior_type
prefetch_controller(prefetch_controller_pointer self, const prefetch_controller_options& options,
                    l1_manager_actor l1, std::shared_ptr<const shm_pool> pool) {
  self->state.init(options, std::move(l1), std::move(pool));
  return {
    [self](atom::lookup, const boxed<prefetch_order>& order) {
      auto promise = self->make_response_promise<prefetch_outcome>();
      run_prefetch(self, order, runtime::reply{promise});
      return promise;
    },
    [self](atom::load, const boxed<prefetch_order>& order) -> caf::result<caf::ok_atom> {
      if (!self->state.warm.begin(order->request_id))
        return make_error(ec::busy, "too many warm prefetches are under way; try again later");
      run_warm(self, order);
      return caf::ok_atom_v;
    },
    [self](atom::status, const std::string& request_id) {
      return self->state.warm.take(request_id, now_ms(*self));
    },
    [self](atom::attach, const l2_adapter_actor& adapter, const l2_adapter_info& info) {
      auto& all = self->state.adapters;
      const auto place = std::ranges::upper_bound(all, info.index, {}, [](const auto& known) {
        return known.info.index;
      });
      all.insert(place, {adapter, info});
    },
    [self](atom::detach, uint32_t id) {
      std::erase_if(self->state.adapters, [id](const auto& each) { return each.info.index == id; });
    },
    [self](atom::set, time_ms lookup_timeout, time_ms load_timeout) {
      self->state.options.lookup_timeout_ms = lookup_timeout;
      self->state.options.load_timeout_ms = load_timeout;
    },
    [self](atom::tick) { self->state.tick(); },
    [self](atom::status) { return self->state.status(); },
  };
}

} // namespace actord
