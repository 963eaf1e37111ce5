// What /metrics and the event bus are told of requests.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/gateway/wire/operations.hpp"
#include "observability/gen_ai_metrics.hpp"

#include <caf/actor_clock.hpp>

#include <memory>
#include <string_view>
#include <vector>

namespace actord {

/// How long requests wait and take, by operation, and which are overdue. Kept by the ZMQ GATEWAY.
/// Operations that are answered where they arrive (ping, noop and the like) are not timed: asking
/// for the time would cost as much as they do.
class gateway_meters {
public:
  using time_point = caf::actor_clock::time_point;

  gateway_meters(std::shared_ptr<metric_registry> registry, event_publisher_ptr bus,
                 std::shared_ptr<gen_ai_metrics> gen_ai);

  /// How many requests are worked on and how many wait now.
  void requests(size_t running, size_t waiting) {
    gen_ai_->own_requests(static_cast<int64_t>(running), static_cast<int64_t>(waiting));
  }

  void waited(wire::operation op, time_point::duration wait);
  void handled(wire::operation op, time_point::duration work);
  void overdue(wire::operation op, std::string_view request_id, std::string_view reason);

  event_publisher& bus() {
    return *bus_;
  }

private:
  struct cells {
    histogram_cell *wait, *work;
  };

  std::shared_ptr<metric_registry> registry_;
  event_publisher_ptr bus_;
  std::shared_ptr<gen_ai_metrics> gen_ai_;
  std::vector<cells> cells_; // by operation
};

} // namespace actord
