#include "actors/l2_tier.hpp"

#include "actors/cache/prefetch_controller.hpp"
#include "actors/cache/store_controller.hpp"
#include "actors/l2/make_backend.hpp"
#include "actors/l2_registry.hpp"
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

l2_opened reach_for(const l2_adapter_options& adapter, const std::shared_ptr<object_dtypes>& dtypes,
                    uint32_t align_bytes) {
  auto made = make_backend(
    adapter, {[dtypes](const object_ref& object) { return dtypes->find(object); }, align_bytes});
  if (!made.backend)
    return {nullptr, made.error};
  if (auto fault = made.backend->open(); !fault.empty())
    return {nullptr, fault};
  return {std::move(made.backend), {}};
}

} // namespace

l2_tier::l2_tier(const daemon_options& options, const wrapper& around) : options_(options) {
  for (const auto& each : options.l2.adapters) {
    auto found = reach_for(each, dtypes_, options.l1.align_bytes);
    if (!found.backend)
      throw std::runtime_error("--l2-adapter #" + std::to_string(opened_.size() + 1) + ": "
                               + found.fault);
    if (around)
      found.backend = around(std::move(found.backend));
    opened_.emplace_back(each, std::move(found.backend));
  }
}

l2_tier::~l2_tier() = default;

void l2_tier::start(caf::actor_system& system, const l2_tier_parts& parts) {
  store_controller_options store;
  store.keep_in_l1 = options_.l2.store_policy != "skip_l1";
  store.max_bytes_in_flight = std::max<uint64_t>(options_.l1.size_bytes / 8, 1);
  store.bus = parts.bus;
  store.metrics = parts.metrics;
  prefetch_controller_options prefetch;
  prefetch.max_in_flight = static_cast<uint64_t>(options_.l2.prefetch_max_in_flight);
  prefetch.max_load_bytes = std::max<uint64_t>(options_.l1.size_bytes / 4, 1);
  prefetch.retain = options_.l2.prefetch_policy == "retain";
  prefetch.warm_watermark = options_.l1.eviction.trigger_watermark;
  prefetch.bus = parts.bus;
  stores_ = runtime::spawn_named(system, *parts.census, "store-controller", store_controller, store,
                                 parts.l1, parts.pool);
  prefetcher_ = runtime::spawn_named(system, *parts.census, "prefetch-controller",
                                     prefetch_controller, prefetch, parts.l1, parts.pool);
  l2_registry_settings settings;
  settings.l1 = options_.l1;
  settings.gauges = l2_gauges::of(*parts.metrics);
  settings.census = parts.census;
  settings.bus = parts.bus;
  settings.threads = threads_;
  settings.reach
    = [dtypes = dtypes_, align = options_.l1.align_bytes](const l2_adapter_options& adapter) {
        return reach_for(adapter, dtypes, align);
      };
  settings.watch
    = [supervisor = parts.supervisor](const l2_adapter_actor& actor, const std::string& name) {
        if (supervisor)
          caf::anon_send(supervisor, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(actor),
                         name);
      };
  parts.metrics->add_source([counts = settings.counts, tag = options_.l1.tag](gauge_sink& to) {
    const auto active = counts->active.load(), draining = counts->draining.load();
    if (active + draining == 0)
      return;
    for (const auto& [state, count] : {std::pair{"active", active}, {"draining", draining}}) {
      to.set(metric::l2_store_adapters, {state, tag}, static_cast<double>(count));
      to.set(metric::l2_prefetch_adapters, {state}, static_cast<double>(count));
    }
  });
  registry_ = runtime::spawn_named(
    system, *parts.census, "l2-registry", l2_registry, std::move(settings),
    l2_registry_peers{stores_, prefetcher_, parts.l1, parts.sessions, parts.quotas},
    std::exchange(opened_, {}));
}

void l2_tier::wait_for_start(caf::actor_system& system) {
  caf::scoped_actor self{system};
  // Once it answers, everybody has been told of the adapters of the command line.
  self->request(registry_, caf::infinite, atom::list_v)
    .receive([](const l2_entries&) {}, [](const caf::error&) {});
}

void l2_tier::stop(caf::actor_system& system) {
  caf::scoped_actor self{system};
  std::vector<l2_holdings::one> held;
  if (registry_)
    self->request(registry_, caf::infinite, atom::stop_v)
      .receive([&](const boxed<l2_holdings>& all) { held = std::move(all->list); },
               [](const caf::error&) {});
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
  for (auto& each : held)
    end_and_wait(each.actor);
  end_and_wait(registry_);
  held.clear(); // waits for the stores' own threads
  threads_->end();
}

void l2_tier::for_each(
  const std::function<void(const caf::strong_actor_ptr&, std::string)>& visit) const {
  auto show = [&](const auto& handle, std::string name) {
    if (handle)
      visit(caf::actor_cast<caf::strong_actor_ptr>(handle), std::move(name));
  };
  show(stores_, "store-controller");
  show(prefetcher_, "prefetch-controller");
  show(registry_, "l2-registry");
}

} // namespace actord
