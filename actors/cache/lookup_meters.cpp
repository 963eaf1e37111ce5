#include "actors/cache/lookup_meters.hpp"

namespace actord {

lookup_meters::lookup_meters(std::shared_ptr<metric_registry> registry)
  : registry_(std::move(registry)), requests_(&registry_->counter(metric::gen_ai_requests)) {
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
  return cells_
    .emplace(std::pair{model_name, salt},
             cells{cell(metric::lookups), cell(metric::lookup_requested), cell(metric::lookup_hit),
                   cell(metric::lookup_hit_l1), cell(metric::lookup_hit_l2),
                   cell(metric::lookup_hit_l1_keys), cell(metric::lookup_hit_l2_keys)})
    .first->second;
}

void lookup_meters::count(const lookup_result_details& result) {
  const auto& to = cells_of(result.model_name, result.cache_salt);
  auto add = [](counter_cell* cell, uint64_t amount) { cell->add(static_cast<double>(amount)); };
  to.lookups->add();
  requests_->add();
  add(to.requested, result.requested_tokens);
  add(to.hit, result.hit_tokens);
  add(to.hit_l1, result.l1_hit_tokens);
  add(to.hit_l2, result.l2_hit_tokens);
  add(to.hit_l1_keys, result.l1_hit_keys);
  add(to.hit_l2_keys, result.l2_hit_keys);
  if (!result.early_exit_reason.empty())
    registry_
      ->counter(metric::lookup_early_exit,
                {result.model_name, result.cache_salt, result.early_exit_reason})
      .add();
}

} // namespace actord
