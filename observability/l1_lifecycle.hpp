// How long L1 objects live, lie idle, and when what was evicted is needed again.
#pragma once

#include "observability/bounded_table.hpp"
#include "observability/sampling.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace actord {

/// Where the samples of `l1_lifecycle` go, in seconds, never negative.
struct l1_lifecycle_sink {
  virtual ~l1_lifecycle_sink() = default;
  virtual void reuse_gap(std::string_view l1_tag, double seconds) = 0;
  virtual void lifetime(std::string_view l1_tag, double seconds) = 0;
  virtual void idle_before_evict(std::string_view l1_tag, double seconds) = 0;
  virtual void evict_reuse_gap(std::string_view l1_tag, double seconds) = 0;
};

struct l1_lifecycle_limits {
  double window_s = 300; // > 0; an evicted object not back by then counts as exactly this
  size_t max_live = 1'000'000;
  size_t max_gone = 1'000'000;
};

/// Follows the sampled L1 objects (spec observability §3.1). An entry takes 16 bytes of identity
/// (see `sample_identity` for the odds of a mix-up) and its times; beyond the limits the oldest
/// leave without a sample. Call `sweep` after the keys of each write or eviction event, even when
/// it had none. A gap that is negative because time was set back is no sample.
///
/// `now` is the event's time in Unix seconds, finite. `l1_tag` is "" when the event names none;
/// beyond 256 tags, new ones are counted as `__other__`.
class l1_lifecycle {
public:
  /// @param sink outlives this
  l1_lifecycle(l1_lifecycle_sink& sink, uint32_t threshold, l1_lifecycle_limits limits = {});

  void read_finished(std::string_view l1_tag, const object_key_view& key, double now);
  /// Both forms of a finished write.
  void write_finished(std::string_view l1_tag, const object_key_view& key, double now);
  void evicted(std::string_view l1_tag, const object_key_view& key, double now);
  /// Counts what left at least a window ago and has not come back. O(expired).
  void sweep(double now);

  /// Forgets live entries whose `l1_identity` is not `resident`: for use after the bus dropped
  /// events, among them perhaps evictions.
  void forget_live_unless(const std::function<bool(const sample_identity&)>& resident);

  size_t live() const noexcept {
    return live_.size();
  }
  size_t gone() const noexcept {
    return gone_.size();
  }

private:
  struct presence {
    double allocated = 0;
    double last_used = 0;
  };
  struct absence {
    double since = 0;
    uint32_t tag = 0;
  };

  std::optional<sample_identity>
  followed(std::string_view l1_tag, const object_key_view& key) const;
  void remember_gone(const sample_identity& id, absence left);
  uint32_t intern(std::string_view l1_tag);

  l1_lifecycle_sink& sink_;
  uint32_t threshold_;
  l1_lifecycle_limits limits_;
  std::vector<std::string> tags_;
  bounded_table<sample_identity, presence, sample_identity_hash> live_;
  std::unordered_map<sample_identity, absence, sample_identity_hash> gone_;
  // Sorted, not a queue: the times of two threads' events may arrive in the wrong order.
  std::set<std::pair<double, sample_identity>> gone_by_time_;
};

} // namespace actord
