// The workers that a transfer serves.
#pragma once

#include "actors/transfer/liveness.hpp"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace actord {

/// Registered workers by instance id, ascending. `Instance` has a member `liveness life`.
template <class Instance>
class instance_table {
public:
  Instance* find(int64_t instance_id) {
    auto i = instances_.find(instance_id);
    return i == instances_.end() ? nullptr : &i->second;
  }

  /// The worker, alive as of `now`; null when it is not registered.
  Instance* speak(int64_t instance_id, time_ms now) {
    auto* instance = find(instance_id);
    if (instance)
      instance->life.seen(now);
    return instance;
  }

  /// Registers a worker, alive as of `now`. @pre find(instance_id) is null
  void add(int64_t instance_id, Instance instance, time_ms now) {
    instance.life.seen(now);
    instances_.emplace(instance_id, std::move(instance));
  }

  /// Takes a worker out: an empty node when it is not registered.
  auto extract(int64_t instance_id) {
    return instances_.extract(instance_id);
  }

  /// Who has been silent for too long.
  std::vector<int64_t> silent(const liveness_options& options, time_ms now) const {
    std::vector<int64_t> result;
    for (const auto& [id, instance] : instances_)
      if (instance.life.silent(options, now))
        result.push_back(id);
    return result;
  }

  template <class Visitor>
  void for_each(Visitor&& visit) {
    for (auto& [id, instance] : instances_)
      visit(instance);
  }

  auto begin() const {
    return instances_.begin();
  }
  auto end() const {
    return instances_.end();
  }

private:
  std::map<int64_t, Instance> instances_;
};

} // namespace actord
