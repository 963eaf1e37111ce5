// Limits and use of tenants, for a scrape.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace actord {

/// Written by the QUOTA actor (limits) and the L1 MANAGER (use), read by any thread. At most
/// `max_salts`: a metric has no more series anyway.
class quota_levels {
public:
  static constexpr size_t max_salts = 2000;

  struct level {
    uint64_t limit_bytes = 0, used_bytes = 0;
  };

  void set_limit(const std::string& salt, uint64_t limit_bytes) {
    std::lock_guard lock{mutex_};
    if (levels_.size() < max_salts || levels_.contains(salt))
      levels_[salt].limit_bytes = limit_bytes;
  }
  void erase(const std::string& salt) {
    std::lock_guard lock{mutex_};
    levels_.erase(salt);
  }

  /// @param used asked for each salt that has a limit
  template <class Used>
  void set_used(const Used& used) {
    std::lock_guard lock{mutex_};
    for (auto& [salt, known] : levels_)
      known.used_bytes = used(salt);
  }

  std::map<std::string, level> read() const {
    std::lock_guard lock{mutex_};
    return levels_;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, level> levels_;
};

} // namespace actord
