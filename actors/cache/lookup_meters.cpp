#include "actors/cache/lookup_meters.hpp"

namespace actord {

lookup_meters::lookup_meters(std::shared_ptr<metric_registry> registry)
  : registry_(std::move(registry)) {
  registry_->add_source([active = active_](gauge_sink& to) {
    to.set(metric::active_prefetch_jobs, {},
           static_cast<double>(active->load(std::memory_order_relaxed)));
  });
}

const lookup_meters::cells&
lookup_meters::cells_of(const std::string& model_name, const std::string& salt) {
  auto known = cells_.find({model_name, salt});
  if (known != cells_.end())
    return known->second;
  if (cells_.size() >= max_pairs)
    cells_.clear();
  auto cell = [&](metric what) { return &registry_->counter(what, {model_name, salt}); };
  cell(metric::lookup_hit_l2); // at 0 until there is an L2
  cell(metric::lookup_hit_l2_keys);
  return cells_
    .emplace(std::pair{model_name, salt},
             cells{cell(metric::lookups), cell(metric::lookup_requested), cell(metric::lookup_hit),
                   cell(metric::lookup_hit_l1), cell(metric::lookup_hit_l1_keys)})
    .first->second;
}

void lookup_meters::count(const lookup_tally& tally) {
  const auto& to = cells_of(tally.model_name, tally.salt);
  to.lookups->add();
  to.requested->add(static_cast<double>(tally.requested_tokens));
  to.hit->add(static_cast<double>(tally.hit_tokens));
  to.hit_l1->add(static_cast<double>(tally.hit_tokens));
  to.hit_l1_keys->add(static_cast<double>(tally.hit_objects));
  if (!tally.early_exit.empty())
    registry_->counter(metric::lookup_early_exit, {tally.model_name, tally.salt, tally.early_exit})
      .add();
}

} // namespace actord
