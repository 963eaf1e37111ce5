#include "actors/trace/replay_world.hpp"

#include "actors/cache/l1_options.hpp"
#include "actors/cache/quota.hpp"
#include "runtime/spawn_bare.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace actord {

namespace {

constexpr double step_s = 0.25;          // the shortest timer of the actors
constexpr double longest_gap_s = 86'400; // of which every step is taken

std::shared_ptr<shm_pool> make_pool(const daemon_options& options) {
  if (options.l2.adapters.empty())
    return nullptr;
  // A name of its own: the daemon that serves this machine may be running.
  auto made = shm_pool::create("lmcache_l1_pool_replay_" + std::to_string(::getpid()),
                               options.l1.size_bytes);
  if (auto* fault = std::get_if<std::string>(&made))
    throw std::runtime_error(*fault);
  auto pool = std::get<std::shared_ptr<shm_pool>>(std::move(made));
  while (pool->reserve_step() > 0)
    continue;
  if (!pool->complete())
    throw std::runtime_error("/dev/shm has no room for an L1 of "
                             + std::to_string(options.l1.size_bytes)
                             + " bytes; choose a smaller --l1-size-gb");
  return pool;
}

} // namespace

replay_world::replay_world(const daemon_options& options)
  : options_(options), pool_(make_pool(options)), system_(config_),
    scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {
  l2_.emplace(options, [gate = gate_](std::shared_ptr<l2_backend> store) {
    return gated(std::move(store), gate);
  });
  self_.emplace(system_);
  const auto census = std::make_shared<runtime::actor_census>();
  const auto metrics = std::make_shared<metric_registry>();
  start_l1(census, metrics);
  l2_->start(system_, {metrics, census, event_publisher::none(), pool_, quotas_, l1_, {}, {}});
  settle();
}

replay_world::~replay_world() {
  const auto end = [this](const auto& handle) {
    if (handle)
      (*self_)->send_exit(handle, caf::exit_reason::kill);
  };
  l2_->for_each([&](const caf::strong_actor_ptr& handle, const std::string&) { end(handle); });
  end(l1_);
  end(eviction_);
  end(quotas_);
  run_ready();
  scheduler_.clock().cancel_all();
  self_.reset();
  l2_.reset(); // waits for the stores
  gate_->forget();
}

void replay_world::start_l1(const std::shared_ptr<runtime::actor_census>& census,
                            const std::shared_ptr<metric_registry>& metrics) {
  const auto levels = std::make_shared<quota_levels>();
  quotas_ = runtime::spawn_named(system_, *census, "quota", quota, levels);
  eviction_ = runtime::spawn_named(system_, *census, "eviction-controller", eviction_controller,
                                   eviction_options_of(options_), quotas_);
  auto l1 = l1_options_of(options_);
  l1.record_changes = false;
  l1.metrics = metrics;
  l1.quotas = levels;
  l1_ = runtime::spawn_named(system_, *census, "l1-manager", l1_manager, l1, eviction_,
                             kv_events_actor{});
  tell(eviction_, atom::open_v, l1_);
  // The index rounds its size down to whole units of the alignment.
  tell(l1_, atom::grow_v,
       options_.l1.size_bytes / options_.l1.align_bytes * options_.l1.align_bytes);
}

bool replay_world::run_until(const std::function<bool()>& enough) {
  for (;;) {
    while (!enough() && scheduler_.try_run_once())
      continue;
    if (enough())
      return true;
    if (!gate_->hand_out(true))
      return false;
  }
}

void replay_world::run_ready() {
  do
    while (scheduler_.try_run_once())
      continue;
  while (gate_->hand_out(false));
}

void replay_world::settle() {
  run_until([] { return false; });
}

void replay_world::advance_to(double trace_s) {
  const auto step = [this](double seconds) {
    scheduler_.advance_time(
      std::chrono::duration_cast<caf::timespan>(std::chrono::duration<double>(seconds)));
    now_s_ += seconds;
    run_ready();
  };
  if (trace_s - now_s_ > longest_gap_s)
    step(trace_s - now_s_ - longest_gap_s);
  while (now_s_ < trace_s)
    step(std::min(step_s, trace_s - now_s_));
}

} // namespace actord
