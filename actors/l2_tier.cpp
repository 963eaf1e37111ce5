#include "actors/l2_tier.hpp"

#include "actors/cache/prefetch_controller.hpp"
#include "actors/cache/store_controller.hpp"
#include "actors/l2/l2_adapter.hpp"
#include "actors/l2/make_backend.hpp"
#include "actors/log.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace actord {

namespace {

// What engines have stored shall be in the stores after a restart, without keeping the operator
// waiting for one that hangs.
constexpr auto flush_time = std::chrono::seconds(10);

// Folders of files are never full by themselves: without an eviction of their own they would fill
// the volume.
eviction_options eviction_of(const l2_adapter_options& options) {
  if (options.eviction)
    return *options.eviction;
  eviction_options result;
  result.policy = std::holds_alternative<fs_l2_options>(options.store) ? "LRU" : "noop";
  return result;
}

l2_adapter_settings settings_of(const l2_adapter_options& options, const l2_adapter_info& info,
                                const l2_tier_parts& parts, uint32_t align_bytes) {
  l2_adapter_settings result;
  const auto eviction = eviction_of(options);
  result.info = info;
  result.index.capacity_bytes = options.max_capacity_bytes.value_or(0);
  result.index.alignment_bytes = align_bytes;
  result.index.eviction = parse_eviction_kind(eviction.policy).value_or(eviction_kind::noop);
  result.trigger_watermark = eviction.trigger_watermark;
  result.eviction_ratio = eviction.eviction_ratio;
  const auto& breaker = options.breaker;
  result.breaker
    = {breaker.failures, breaker.cooldown_ms, breaker.max_cooldown_ms, breaker.latency_limit_ms};
  result.task_timeout_ms = std::max(options.load_timeout_ms, options.store_timeout_ms);
  if (const auto* fs = std::get_if<fs_l2_options>(&options.store))
    result.scan_at_start = fs->scan_at_start;
  result.metrics = parts.metrics;
  result.bus = parts.bus;
  return result;
}

} // namespace

l2_tier::l2_tier(const daemon_options& options, const wrapper& around) : options_(options) {
  for (const auto& each : options.l2.adapters) {
    l2_adapter_info info{static_cast<uint32_t>(opened_.size()), each.type, each.shared};
    const auto flag = "--l2-adapter #" + std::to_string(opened_.size() + 1) + ": ";
    auto made = make_backend(
      each, {[types = dtypes_](const object_ref& object) { return types->find(object); },
             options.l1.align_bytes});
    if (!made.backend)
      throw std::runtime_error(flag + made.error);
    std::shared_ptr<l2_backend> backend = std::move(made.backend);
    if (auto fault = backend->open(); !fault.empty())
      throw std::runtime_error(flag + fault);
    if (around)
      backend = around(std::move(backend));
    opened_.push_back({each, std::move(info), std::move(backend)});
  }
}

l2_tier::~l2_tier() = default;

void l2_tier::start(caf::actor_system& system, const l2_tier_parts& parts) {
  if (opened_.empty())
    return;
  caf::scoped_actor self{system};
  store_controller_options store;
  store.keep_in_l1 = options_.l2.store_policy != "skip_l1";
  store.max_bytes_in_flight = std::max<uint64_t>(options_.l1.size_bytes / 8, 1);
  store.bus = parts.bus;
  store.metrics = parts.metrics;
  prefetch_controller_options prefetch;
  prefetch.max_in_flight = static_cast<uint64_t>(options_.l2.prefetch_max_in_flight);
  prefetch.retain = options_.l2.prefetch_policy == "retain";
  prefetch.warm_watermark = options_.l1.eviction.trigger_watermark;
  prefetch.bus = parts.bus;
  prefetch.lookup_timeout_ms = prefetch.load_timeout_ms = 0;
  for (const auto& each : opened_) {
    prefetch.lookup_timeout_ms
      = std::max(prefetch.lookup_timeout_ms, each.options.lookup_timeout_ms);
    prefetch.load_timeout_ms = std::max(prefetch.load_timeout_ms, each.options.load_timeout_ms);
  }
  stores_ = runtime::spawn_named(system, *parts.census, "store-controller", store_controller, store,
                                 parts.l1, parts.pool);
  prefetcher_ = runtime::spawn_named(system, *parts.census, "prefetch-controller",
                                     prefetch_controller, prefetch, parts.l1, parts.pool);
  for (auto& each : opened_) {
    const auto name = "l2-" + each.info.name + "-" + std::to_string(each.info.index);
    auto adapter
      = runtime::spawn_named(system, *parts.census, name, l2_adapter,
                             settings_of(each.options, each.info, parts, options_.l1.align_bytes),
                             each.backend, parts.quotas);
    self->send(stores_, atom::attach_v, adapter, each.info);
    self->send(prefetcher_, atom::attach_v, adapter, each.info);
    adapters_.push_back(std::move(adapter));
    log_info(log_part::l2, "L2 adapter {} (#{}) serves", each.info.name, each.info.index);
  }
  // Draining adapters are counted once there is a way to take one away.
  parts.metrics->add_source(
    [count = static_cast<double>(opened_.size()), tag = options_.l1.tag](gauge_sink& to) {
      for (const char* state : {"active", "draining"}) {
        const auto value = state[0] == 'a' ? count : 0;
        to.set(metric::l2_store_adapters, {state, tag}, value);
        to.set(metric::l2_prefetch_adapters, {state}, value);
      }
    });
  self->send(parts.l1, atom::open_v, stores_);
  if (parts.sessions)
    self->send(parts.sessions, atom::open_v, prefetcher_);
}

void l2_tier::stop(caf::actor_system& system) {
  caf::scoped_actor self{system};
  if (stores_)
    self->request(stores_, flush_time, atom::stop_v)
      .receive([](caf::ok_atom) {},
               [](const caf::error&) {
                 log_warn(log_part::l2, "Some objects were not copied to L2 in {} s and are lost",
                          flush_time.count());
               });
  auto end_and_wait = [&](auto& handle) {
    if (!handle)
      return;
    self->send_exit(handle, caf::exit_reason::user_shutdown);
    self->wait_for(handle);
    handle = nullptr;
  };
  end_and_wait(prefetcher_);
  end_and_wait(stores_);
  for (auto& each : adapters_)
    end_and_wait(each);
  adapters_.clear();
  opened_.clear(); // waits for the stores' own threads
}

void l2_tier::for_each(
  const std::function<void(const caf::strong_actor_ptr&, std::string)>& visit) const {
  auto show = [&](const auto& handle, std::string name) {
    if (handle)
      visit(caf::actor_cast<caf::strong_actor_ptr>(handle), std::move(name));
  };
  show(stores_, "store-controller");
  show(prefetcher_, "prefetch-controller");
  for (size_t i = 0; i < adapters_.size(); ++i)
    show(adapters_[i], "l2-adapter #" + std::to_string(i));
}

} // namespace actord
