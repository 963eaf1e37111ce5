// From events to the histograms of how long blocks and chunks live, idle and return.
#pragma once

#include "observability/l0_lifecycle.hpp"
#include "observability/l1_lifecycle.hpp"
#include "observability/reuse_lifecycle.hpp"
#include "observability/subscribers/metric_subscriber.hpp"
#include "observability/unfollowed_keys.hpp"

#include <memory>

namespace actord {

/// Lives of L1 objects (spec observability §3.1). After lost events it forgets whom it followed:
/// an eviction may be among them.
class l1_lifecycle_subscriber final : public metric_subscriber, l1_lifecycle_sink {
public:
  /// @param sample_rate (0, 1]
  l1_lifecycle_subscriber(std::shared_ptr<metric_registry> registry, double sample_rate);

  void handle(const event& what) override;
  void missed_events() override;

private:
  void reuse_gap(std::string_view l1_tag, double seconds) override;
  void lifetime(std::string_view l1_tag, double seconds) override;
  void idle_before_evict(std::string_view l1_tag, double seconds) override;
  void evict_reuse_gap(std::string_view l1_tag, double seconds) override;
  void take(event_type what, std::string_view l1_tag, const object_key_view& key, double now);

  uint32_t threshold_;
  unfollowed_keys unfollowed_;
  l1_lifecycle lives_;
};

/// Reuse of chunks (spec observability §3.2).
class reuse_subscriber final : public metric_subscriber, reuse_lifecycle_sink {
public:
  reuse_subscriber(std::shared_ptr<metric_registry> registry, double sample_rate);

  void handle(const event& what) override;

private:
  void reuse(std::string_view cache_salt, double seconds, uint64_t objects) override;

  reuse_lifecycle reuses_;
};

/// Lives of the engines' own blocks (spec observability §3.3).
class l0_lifecycle_subscriber final : public metric_subscriber, l0_lifecycle_sink {
public:
  l0_lifecycle_subscriber(std::shared_ptr<metric_registry> registry, double sample_rate);

  void handle(const event& what) override;

private:
  void lifetime(int64_t instance_id, std::string_view model_name, double seconds) override;
  void idle_before_evict(int64_t instance_id, std::string_view model_name, double seconds) override;
  void reuse_gap(int64_t instance_id, std::string_view model_name, double seconds) override;

  l0_lifecycle lives_;
};

} // namespace actord
