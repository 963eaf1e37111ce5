// From starts and ends to throughput, and from timed copies to theirs.
#pragma once

#include "observability/subscribers/metric_subscriber.hpp"
#include "observability/transfer_pairing.hpp"

#include <memory>

namespace actord {

/// Throughput of stores and retrieves (spec observability §2.4.6).
class transfer_throughput_subscriber final : public metric_subscriber {
public:
  explicit transfer_throughput_subscriber(std::shared_ptr<metric_registry> registry);

  void handle(const event& what) override;

private:
  transfer_pairing stores_, retrieves_;
};

/// Throughput of the tasks of L2 adapters (spec observability §2.4.6).
class l2_throughput_subscriber final : public metric_subscriber {
public:
  explicit l2_throughput_subscriber(std::shared_ptr<metric_registry> registry);

  void handle(const event& what) override;

private:
  task_pairing stores_, loads_;
};

/// Bytes, time and throughput of the phases of copies on a GPU (spec observability §2.4.6).
class transfer_phase_subscriber final : public metric_subscriber {
public:
  explicit transfer_phase_subscriber(std::shared_ptr<metric_registry> registry);

  void handle(const event& what) override;
};

} // namespace actord
