// What L2 adapters show at a scrape.
#pragma once

#include "observability/metric_registry.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace actord {

/// One source for each adapter, by its id. A source of the metric registry is there for ever: these
/// go with their adapter, so that its series end with it.
class l2_gauges {
public:
  using source = std::function<void(gauge_sink&)>;

  /// Shown by `registry` from now on.
  static std::shared_ptr<l2_gauges> of(metric_registry& registry) {
    auto result = std::make_shared<l2_gauges>();
    registry.add_source([result](gauge_sink& to) { result->read(to); });
    return result;
  }

  /// @param one called on the thread of a scrape; must not block
  void set(uint32_t id, source one) {
    std::lock_guard lock{mutex_};
    sources_[id] = std::move(one);
  }
  void remove(uint32_t id) {
    std::lock_guard lock{mutex_};
    sources_.erase(id);
  }
  void read(gauge_sink& to) const {
    std::lock_guard lock{mutex_}; // changes are rare
    for (const auto& [id, one] : sources_)
      one(to);
  }

private:
  mutable std::mutex mutex_;
  std::map<uint32_t, source> sources_;
};

} // namespace actord
