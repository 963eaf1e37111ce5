// Counts of what goes between L1 and L2.
#pragma once

#include "observability/subscribers/metric_subscriber.hpp"

#include <memory>

namespace actord {

/// Stores, lookups, loads and evictions of L2 (spec observability §2.4.4, §2.5).
class l2_metrics_subscriber final : public metric_subscriber {
public:
  explicit l2_metrics_subscriber(std::shared_ptr<metric_registry> registry);

  void handle(const event& what) override;

private:
  void count(metric what, double amount, label_values labels = {});
  void count_salts(metric what, const l2_details& details);
};

/// What L2 had promised and could not bring (spec observability §2.4.2).
class l2_failure_subscriber final : public metric_subscriber {
public:
  explicit l2_failure_subscriber(std::shared_ptr<metric_registry> registry);

  void handle(const event& what) override;
};

} // namespace actord
