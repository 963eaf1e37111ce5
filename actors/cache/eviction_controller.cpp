#include "actors/cache/eviction_controller.hpp"

#include "runtime/ask.hpp"
#include "storage/eviction_rule.hpp"

#include <algorithm>
#include <chrono>

namespace actord {

namespace {

using controller_pointer = eviction_controller_actor::stateful_pointer<eviction_controller_state>;

// Quotas may change at any time, so salts are looked at once a second (spec cache-core §3.4).
constexpr auto tick_period = std::chrono::seconds(1);

// What one run has to free, salt by salt.
using eviction_plan = std::vector<evict_order>;

// Frees what `plan` says slice by slice; a slice that frees nothing ends its order (the rest is in
// use).
runtime::task run_plan(controller_pointer self, eviction_plan plan) {
  auto& state = self->state;
  state.running = true;
  ++state.rounds;
  for (auto& order : plan)
    while (order.bytes > 0) {
      auto freed = co_await runtime::ask(self, state.l1, caf::infinite, atom::evict_v, order);
      if (!freed || *freed == 0)
        break;
      state.evicted_bytes += *freed;
      order.bytes -= std::min(order.bytes, *freed);
    }
  state.running = false;
}

// Salts above the trigger of their quota; a salt without a quota is unlimited in L1, one with quota
// 0 keeps nothing.
runtime::task check_quotas(controller_pointer self) {
  auto& state = self->state;
  auto limits = co_await runtime::ask(self, state.quotas, caf::infinite, atom::list_v);
  auto usage = co_await runtime::ask(self, state.l1, caf::infinite, atom::status_v);
  if (!limits || !usage || state.running)
    co_return;
  eviction_plan plan;
  for (const auto& entry : *limits)
    for (const auto& [salt, bytes] : usage->bytes_by_salt)
      if (salt == entry.cache_salt)
        if (auto goal = state.goal(bytes, entry.limit_bytes); goal > 0)
          plan.push_back({goal, salt});
  if (!plan.empty())
    run_plan(self, std::move(plan));
}

} // namespace

eviction_controller_state::eviction_controller_state(eviction_controller_actor::pointer) {
}

uint64_t eviction_controller_state::goal(uint64_t used, uint64_t limit) const {
  return eviction_rule{options.trigger_watermark, options.eviction_ratio}.goal_bytes(used, limit);
}

eviction_status eviction_controller_state::status() const {
  return {std::string{to_string(options.policy)}, options.trigger_watermark, options.eviction_ratio,
          rounds, evicted_bytes};
}

eviction_controller_actor::behavior_type
eviction_controller(controller_pointer self, const eviction_controller_options& options,
                    quota_actor quotas) {
  self->state.options = options;
  self->state.quotas = std::move(quotas);
  if (options.policy == eviction_kind::isolated_lru)
    self->delayed_send(self, tick_period, atom::tick_v);
  return {
    [self](atom::open, const l1_manager_actor& l1) { self->state.l1 = l1; },
    [self](atom::pressure, uint64_t used, uint64_t total) {
      auto& state = self->state;
      if (auto goal = state.goal(used, total); goal > 0 && !state.running && state.l1)
        run_plan(self, {{goal, std::nullopt}});
    },
    [self](atom::tick) {
      if (!self->state.running && self->state.l1)
        check_quotas(self);
      self->delayed_send(self, tick_period, atom::tick_v);
    },
    [self](atom::status) { return self->state.status(); },
  };
}

} // namespace actord
