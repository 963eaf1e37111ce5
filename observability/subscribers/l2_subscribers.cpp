#include "observability/subscribers/l2_subscribers.hpp"

#include "observability/failure_counts.hpp"

#include <utility>

namespace actord {

l2_metrics_subscriber::l2_metrics_subscriber(std::shared_ptr<metric_registry> registry)
  : metric_subscriber("L2MetricsSubscriber",
                      {event_type::l2_store_submitted, event_type::l2_store_completed,
                       event_type::l2_prefetch_lookup_submitted,
                       event_type::l2_prefetch_lookup_completed,
                       event_type::l2_prefetch_load_submitted, event_type::l2_load_task_completed,
                       event_type::l2_prefetch_load_completed, event_type::l2_keys_evicted},
                      std::move(registry)) {
}

void l2_metrics_subscriber::count(metric what, double amount, label_values labels) {
  registry().counter(what, labels).add(amount);
}

void l2_metrics_subscriber::count_salts(metric what, const l2_details& details) {
  for (const auto& [salt, keys] : details.key_count_per_salt)
    count(what, static_cast<double>(keys), {salt});
}

void l2_metrics_subscriber::handle(const event& what) {
  const auto& details = std::get<l2_details>(what.details);
  switch (what.type) {
    case event_type::l2_store_submitted:
      count(metric::l2_store_submitted, 1);
      return count_salts(metric::l2_store_submitted_objects, details);
    case event_type::l2_store_completed:
      count(metric::l2_store_completed, 1, {details.l2_name});
      count_salts(metric::l2_store_completed_objects, details);
      if (details.failed > 0)
        count(metric::l2_store_failed, 1, {details.l2_name});
      return count(metric::l2_store_failed_keys, static_cast<double>(details.failed));
    case event_type::l2_prefetch_lookup_submitted:
      count(metric::l2_prefetch_lookup, 1);
      return count_salts(metric::l2_prefetch_lookup_objects, details);
    case event_type::l2_prefetch_lookup_completed:
      return count(metric::l2_prefetch_hit_keys, static_cast<double>(details.succeeded));
    case event_type::l2_prefetch_load_submitted:
      count(metric::l2_prefetch_load_submitted, static_cast<double>(details.adapter_count));
      return count_salts(metric::l2_prefetch_load_submitted_objects, details);
    case event_type::l2_load_task_completed:
      return count(metric::l2_load_completed, 1, {details.l2_name});
    case event_type::l2_prefetch_load_completed:
      count_salts(metric::l2_prefetch_load_completed, details);
      return count(metric::l2_prefetch_failed_keys, static_cast<double>(details.failed));
    default: return count_salts(metric::l2_evicted_objects, details);
  }
}

l2_failure_subscriber::l2_failure_subscriber(std::shared_ptr<metric_registry> registry)
  : metric_subscriber("L2FailureMetricsSubscriber", {event_type::l2_prefetch_failed},
                      std::move(registry)) {
}

void l2_failure_subscriber::handle(const event& what) {
  const auto& details = std::get<failure_details>(what.details);
  for (const auto& key : *details.keys) {
    registry().counter(metric::l2_prefetch_failure, {details.reason, key.space->model_name}).add();
    if (details.reason == "l1_oom") // the older name of the same failure
      count_allocation_failure(registry(), "l2_prefetch", key.space->model_name, 1);
  }
}

} // namespace actord
