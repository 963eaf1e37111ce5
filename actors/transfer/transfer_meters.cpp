#include "actors/transfer/transfer_meters.hpp"

#include <chrono>
#include <utility>

namespace actord {

namespace {

constexpr std::string_view device = "cpu";
constexpr double bytes_per_gb = 1e9;

void observe_rate(histogram_cell& to, uint64_t bytes, double seconds) {
  if (bytes > 0 && seconds > 0)
    to.observe(static_cast<double>(bytes) / seconds / bytes_per_gb);
}

double seconds(caf::actor_clock::duration_type time) {
  return std::chrono::duration<double>(time).count();
}

} // namespace

transfer_meters::transfer_meters(std::shared_ptr<metric_registry> registry, int64_t instance_id,
                                 std::string model_name)
  : registry_(std::move(registry)), instance_id_(std::to_string(instance_id)),
    model_name_(std::move(model_name)),
    submitted_stores_(&registry_->counter(metric::num_submitted_stores, {device})),
    finished_stores_(&registry_->counter(metric::num_finished_stores, {device})),
    submitted_retrieves_(&registry_->counter(metric::num_submitted_retrieves, {device})),
    finished_retrieves_(&registry_->counter(metric::num_finished_retrieves, {device})),
    store_rate_(
      &registry_->histogram(metric::l0_l1_store_throughput, {device, instance_id_, model_name_})),
    load_rate_(
      &registry_->histogram(metric::l0_l1_load_throughput, {device, instance_id_, model_name_})) {
}

void transfer_meters::end_store(uint64_t bytes, double seconds) {
  finished_stores_->add();
  observe_rate(*store_rate_, bytes, seconds);
}

void transfer_meters::end_retrieve(const std::string& salt, uint64_t chunks, uint64_t bytes,
                                   double seconds) {
  finished_retrieves_->add();
  observe_rate(*load_rate_, bytes, seconds);
  if (chunks == 0)
    return;
  auto known = loaded_.find(salt);
  if (known == loaded_.end()) {
    if (loaded_.size() >= max_salts)
      loaded_.clear();
    auto& cell = registry_->counter(metric::num_chunks_loaded, {instance_id_, model_name_, salt});
    known = loaded_.emplace(salt, &cell).first;
  }
  known->second->add(static_cast<double>(chunks));
}

void store_mark::done(uint64_t bytes, time_point now) {
  if (auto to = std::exchange(to_, nullptr))
    to->end_store(bytes, seconds(now - began_));
}

void retrieve_mark::done(const std::string& salt, uint64_t chunks, uint64_t bytes, time_point now) {
  if (auto to = std::exchange(to_, nullptr))
    to->end_retrieve(salt, chunks, bytes, seconds(now - began_));
}

} // namespace actord
