// Counts and durations of blended requests.
#pragma once

#include "observability/subscribers/metric_subscriber.hpp"
#include "observability/transfer_pairing.hpp"

#include <memory>

namespace actord {

/// Blending (spec observability §2.4.10).
class blend_subscriber final : public metric_subscriber {
public:
  explicit blend_subscriber(std::shared_ptr<metric_registry> registry);

  void handle(const event& what) override;

private:
  void time(const event& what, const blend_details& details);
  void count(metric what, int64_t amount);
  void count_lookup(const blend_details& details);
  void count_scatter(const blend_details& details);

  phase_pairing phases_;
};

} // namespace actord
