#include "actors/cache/l1_meters.hpp"

#include "observability/failure_counts.hpp"

#include <utility>

namespace actord {

l1_meters::l1_meters(std::shared_ptr<metric_registry> registry, std::string l1_tag)
  : registry_(std::move(registry)), l1_tag_(std::move(l1_tag)),
    looks_(&registry_->counter(metric::l1_eviction_loop_ticks)),
    triggered_looks_(&registry_->counter(metric::l1_eviction_loop_triggered)),
    lookups_(&registry_->counter(metric::sm_read_requests)),
    reservations_(&registry_->counter(metric::sm_write_requests)) {
  for (auto what : {metric::l1_read, metric::l1_write, metric::l1_evicted})
    registry_->predeclare(what, {l1_tag_});
  registry_->add_source([now = levels_, tag = l1_tag_](gauge_sink& to) {
    const auto used = static_cast<double>(now->used_bytes.load(std::memory_order_relaxed));
    const auto total = static_cast<double>(now->total_bytes.load(std::memory_order_relaxed));
    const auto staging = now->staging_bytes.load(std::memory_order_relaxed);
    to.set(metric::l1_memory_usage_bytes, {tag, "dram"}, used);
    to.set(metric::l1_capacity_bytes, {tag, "dram"}, total);
    to.set(metric::l1_usage_ratio, {tag, "dram"}, total > 0 ? used / total : 0);
    to.set(metric::l1_staging_bytes, {tag, "dram"}, static_cast<double>(staging));
  });
}

const l1_meters::salt_cells& l1_meters::cells_of(const std::string& salt) {
  if (auto known = salts_.find(salt); known != salts_.end())
    return known->second;
  if (salts_.size() >= max_salts)
    salts_.clear();
  auto traffic = [&](metric what) { return &registry_->counter(what, {l1_tag_, salt}); };
  auto keys = [&](metric what) { return &registry_->counter(what, {salt}); };
  return salts_
    .emplace(salt,
             salt_cells{traffic(metric::l1_read), traffic(metric::l1_write),
                        traffic(metric::l1_evicted), keys(metric::sm_read_succeed_keys),
                        keys(metric::sm_read_failed_keys), keys(metric::sm_write_succeed_keys),
                        keys(metric::sm_write_failed_keys)})
    .first->second;
}

void l1_meters::take(l1_index& index) {
  for (const auto& row : index.drain_traffic())
    count(index.salt_name(row.salt).value_or(""), row);
  const auto usage = index.usage();
  levels_->used_bytes.store(usage.used_bytes, std::memory_order_relaxed);
  levels_->total_bytes.store(usage.configured_bytes, std::memory_order_relaxed);
  levels_->staging_bytes.store(usage.staging_bytes, std::memory_order_relaxed);
}

void l1_meters::count(const std::string& salt, const salt_traffic& traffic) {
  const auto& cells = cells_of(salt);
  cells.read->add(static_cast<double>(traffic.read));
  cells.written->add(static_cast<double>(traffic.written));
  cells.evicted->add(static_cast<double>(traffic.evicted));
}

void l1_meters::fill(const l1_index& index, gen_ai_metrics& into) {
  const auto total = static_cast<double>(index.usage().configured_bytes);
  gen_ai_usages shares;
  for (auto& [model, bytes] : index.bytes_by_model())
    shares.emplace_back(model, 100 * static_cast<double>(bytes) / total);
  into.replace_usage(gen_ai_source::own, shares, 0);
}

void l1_meters::look(bool triggered) {
  looks_->add();
  if (triggered)
    triggered_looks_->add();
}

void l1_meters::looked_up(const std::string& salt, uint64_t found, uint64_t missed) {
  lookups_->add();
  const auto& cells = cells_of(salt);
  cells.found->add(static_cast<double>(found));
  cells.missed->add(static_cast<double>(missed));
}

void l1_meters::reserved(const key_space& space, uint64_t granted, uint64_t refused) {
  reservations_->add();
  const auto& cells = cells_of(space.cache_salt);
  cells.granted->add(static_cast<double>(granted));
  cells.refused->add(static_cast<double>(refused));
  if (refused > 0)
    count_allocation_failure(*registry_, "l1_store", space.model_name, refused);
}

} // namespace actord
