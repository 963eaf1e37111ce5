#include "actors/cache/l1_meters.hpp"

#include <utility>

namespace actord {

l1_meters::l1_meters(std::shared_ptr<metric_registry> registry, std::string l1_tag)
  : registry_(std::move(registry)), l1_tag_(std::move(l1_tag)),
    looks_(&registry_->counter(metric::l1_eviction_loop_ticks)),
    triggered_looks_(&registry_->counter(metric::l1_eviction_loop_triggered)) {
  for (auto what : {metric::l1_read, metric::l1_write, metric::l1_evicted})
    registry_->predeclare(what, {l1_tag_});
  registry_->add_source([now = levels_, tag = l1_tag_](gauge_sink& to) {
    const auto used = static_cast<double>(now->used_bytes.load(std::memory_order_relaxed));
    const auto total = static_cast<double>(now->total_bytes.load(std::memory_order_relaxed));
    const auto staging = now->staging_bytes.load(std::memory_order_relaxed);
    to.set(metric::l1_memory_usage_bytes, {tag, "dram"}, used);
    to.set(metric::l1_usage_ratio, {tag, "dram"}, total > 0 ? used / total : 0);
    to.set(metric::l1_staging_bytes, {tag, "dram"}, static_cast<double>(staging));
  });
}

const l1_meters::salt_cells& l1_meters::cells_of(l1_index& index, salt_id salt) {
  if (auto known = salts_.find(salt); known != salts_.end())
    return known->second;
  if (salts_.size() >= max_salts)
    salts_.clear();
  const auto name = index.salt_name(salt).value_or("");
  return salts_
    .emplace(salt, salt_cells{&registry_->counter(metric::l1_read, {l1_tag_, name}),
                              &registry_->counter(metric::l1_write, {l1_tag_, name}),
                              &registry_->counter(metric::l1_evicted, {l1_tag_, name})})
    .first->second;
}

void l1_meters::take(l1_index& index) {
  for (const auto& row : index.drain_traffic()) {
    const auto& cells = cells_of(index, row.salt);
    cells.read->add(static_cast<double>(row.read));
    cells.written->add(static_cast<double>(row.written));
    cells.evicted->add(static_cast<double>(row.evicted));
  }
  const auto usage = index.usage();
  levels_->used_bytes.store(usage.used_bytes, std::memory_order_relaxed);
  levels_->total_bytes.store(usage.configured_bytes, std::memory_order_relaxed);
  levels_->staging_bytes.store(usage.staging_bytes, std::memory_order_relaxed);
}

void l1_meters::look(bool triggered) {
  looks_->add();
  if (triggered)
    triggered_looks_->add();
}

void l1_meters::allocation_failed(const std::string& model_name, uint64_t objects) {
  registry_->counter(metric::l1_allocation_failure, {"l1_store", model_name})
    .add(static_cast<double>(objects));
}

} // namespace actord
