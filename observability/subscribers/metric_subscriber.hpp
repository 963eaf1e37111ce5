// What the subscribers that feed metrics have in common.
#pragma once

#include "observability/event_subscriber.hpp"
#include "observability/metric_registry.hpp"

#include <memory>
#include <string_view>
#include <utility>

namespace actord {

class metric_subscriber : public event_subscriber {
public:
  std::string_view name() const final {
    return name_;
  }
  event_mask interests() const final {
    return interests_;
  }

protected:
  /// @param name static storage
  metric_subscriber(std::string_view name, event_mask interests,
                    std::shared_ptr<metric_registry> registry)
    : name_(name), interests_(interests), registry_(std::move(registry)) {
  }

  metric_registry& registry() {
    return *registry_;
  }

private:
  std::string_view name_;
  event_mask interests_;
  std::shared_ptr<metric_registry> registry_;
};

} // namespace actord
