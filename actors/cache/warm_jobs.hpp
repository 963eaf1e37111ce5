// What operators asked to be brought into L1, and what became of it.
#pragma once

#include "actors/messages.hpp"

#include <deque>
#include <map>
#include <string>

namespace actord {

/// Warm prefetches by request id. Plain data, one owner. Results are kept for `keep_ms`, the last
/// `max_results` of them, until they are asked for once.
class warm_jobs {
public:
  static constexpr size_t max_open = 64; // each may have some MB of hashes
  static constexpr size_t max_results = 1024;
  static constexpr time_ms keep_ms = 600'000;

  /// False: too many are under way, or the id is taken.
  bool begin(const std::string& id);
  void finish(const std::string& id, uint64_t found_keys, uint64_t total_keys, time_ms now);
  /// A completed job is forgotten by this.
  warm_status take(const std::string& id, time_ms now);

  size_t open() const {
    return jobs_.size() - results_.size();
  }
  size_t results() const {
    return results_.size();
  }

private:
  void drop_old(time_ms now);

  struct result {
    std::string id;
    time_ms ended_ms = 0;
  };

  std::map<std::string, warm_status> jobs_;
  std::deque<result> results_; // oldest first
};

} // namespace actord
