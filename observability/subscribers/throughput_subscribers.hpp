// From starts and ends to throughput, and from timed copies to theirs.
#pragma once

#include "observability/event_subscriber.hpp"
#include "observability/metric_registry.hpp"
#include "observability/transfer_pairing.hpp"

#include <memory>

namespace actord {

/// Throughput of stores and retrieves (spec observability §2.4.6).
class transfer_throughput_subscriber final : public event_subscriber {
public:
  explicit transfer_throughput_subscriber(std::shared_ptr<metric_registry> registry);

  std::string_view name() const override;
  event_mask interests() const override;
  void handle(const event& what) override;

private:
  std::shared_ptr<metric_registry> registry_;
  transfer_pairing stores_, retrieves_;
};

/// Throughput of the tasks of L2 adapters (spec observability §2.4.6).
class l2_throughput_subscriber final : public event_subscriber {
public:
  explicit l2_throughput_subscriber(std::shared_ptr<metric_registry> registry);

  std::string_view name() const override;
  event_mask interests() const override;
  void handle(const event& what) override;

private:
  std::shared_ptr<metric_registry> registry_;
  task_pairing stores_, loads_;
};

/// Bytes, time and throughput of the phases of copies on a GPU (spec observability §2.4.6).
class transfer_phase_subscriber final : public event_subscriber {
public:
  explicit transfer_phase_subscriber(std::shared_ptr<metric_registry> registry);

  std::string_view name() const override;
  event_mask interests() const override;
  void handle(const event& what) override;

private:
  std::shared_ptr<metric_registry> registry_;
};

} // namespace actord
