#include "actors/transfer/transfer_meters.hpp"

#include <chrono>
#include <utility>

namespace actord {

namespace {

constexpr std::string_view device = "cpu";
constexpr double bytes_per_gb = 1e9;

} // namespace

transfer_meters::transfer_meters(std::shared_ptr<metric_registry> registry, int64_t instance_id,
                                 std::string model_name)
  : registry_(std::move(registry)), instance_id_(std::to_string(instance_id)),
    model_name_(std::move(model_name)) {
  auto cells = [this](metric submitted, metric finished, metric rate) {
    return transfer_cells{registry_, &registry_->counter(submitted, {device}),
                          &registry_->counter(finished, {device}),
                          &registry_->histogram(rate, {device, instance_id_, model_name_}),
                          nullptr};
  };
  stores_ = cells(metric::num_submitted_stores, metric::num_finished_stores,
                  metric::l0_l1_store_throughput);
  retrieves_ = cells(metric::num_submitted_retrieves, metric::num_finished_retrieves,
                     metric::l0_l1_load_throughput);
}

transfer_cells transfer_meters::retrieves(const std::string& salt) {
  auto known = loaded_.find(salt);
  if (known == loaded_.end()) {
    if (loaded_.size() >= max_salts)
      loaded_.clear();
    auto& cell = registry_->counter(metric::num_chunks_loaded, {instance_id_, model_name_, salt});
    known = loaded_.emplace(salt, &cell).first;
  }
  auto result = retrieves_;
  result.chunks = known->second;
  return result;
}

void transfer_mark::done(uint64_t bytes, uint64_t chunks, time_point now) {
  const auto to = std::exchange(to_, {});
  if (!to.finished)
    return;
  to.finished->add();
  const auto seconds = std::chrono::duration<double>(now - began_).count();
  if (bytes > 0 && seconds > 0)
    to.rate->observe(static_cast<double>(bytes) / seconds / bytes_per_gb);
  if (to.chunks)
    to.chunks->add(static_cast<double>(chunks));
}

} // namespace actord
