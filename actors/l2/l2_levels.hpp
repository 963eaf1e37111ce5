// What a scrape reads of one L2 adapter.
#pragma once

#include "actors/l2_control.hpp"
#include "observability/metric_registry.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace actord {

/// Every state of an adapter as a series of its own: 1 for the one that it is in.
inline void show_state(gauge_sink& to, const l2_adapter_info& adapter, l2_state now) {
  const auto number = std::to_string(adapter.index);
  for (auto each : {l2_state::opening, l2_state::ready, l2_state::degraded, l2_state::draining,
                    l2_state::closed})
    to.set(metric::l2_adapter_state, {adapter.name, number, to_text(each)}, now == each ? 1 : 0);
}

/// Written by the adapter, read from any thread.
struct l2_levels {
  std::atomic<uint64_t> used_bytes = 0, capacity_bytes = 0;
  std::atomic<uint64_t> stores = 0, loads = 0, load_bytes = 0; // in flight
  std::atomic<int> breaker = 0;                                // as the metric says
  std::atomic<l2_state> state = l2_state::ready;

  void read(gauge_sink& to, const l2_adapter_info& adapter) const {
    const auto number = std::to_string(adapter.index);
    auto set = [&](metric what, double value) { to.set(what, {adapter.name, number}, value); };
    set(metric::l2_usage_bytes, static_cast<double>(used_bytes.load()));
    if (const auto capacity = capacity_bytes.load(); capacity > 0)
      set(metric::l2_capacity_bytes, static_cast<double>(capacity));
    set(metric::num_inflight_l2_stores, static_cast<double>(stores.load()));
    set(metric::num_inflight_l2_loads, static_cast<double>(loads.load()));
    set(metric::inflight_load_memory_usage_bytes, static_cast<double>(load_bytes.load()));
    set(metric::l2_breaker_state, breaker.load());
    show_state(to, adapter, state.load());
  }
};

} // namespace actord
