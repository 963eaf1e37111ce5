// How many bytes each salt may hold.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace actord {

/// The registry of limits (spec cache-core §3.4). A salt without an entry has
/// no allowance; an entry of 0 means the same but is listed. At most
/// `max_entries` salts.
class quota_book {
public:
  using entry = std::pair<std::string, uint64_t>; // salt, limit in bytes
  static constexpr size_t max_entries = 100'000;

  /// Adds or changes a limit; a changed one keeps its place in the list. False
  /// when the book is full.
  bool set(const std::string& salt, uint64_t limit_bytes);
  /// Whether there was an entry.
  bool remove(const std::string& salt);
  std::optional<uint64_t> get(const std::string& salt) const;
  /// The limit that eviction goes by: 0 for salts without an entry.
  uint64_t limit_bytes(const std::string& salt) const {
    return get(salt).value_or(0);
  }
  /// In the order in which the salts were first set.
  std::vector<entry> list() const;
  size_t size() const noexcept {
    return limits_.size();
  }

private:
  struct limit {
    uint64_t bytes = 0;
    uint64_t position = 0;
  };
  std::unordered_map<std::string, limit> limits_;
  std::map<uint64_t, std::string> order_; // position -> salt
  uint64_t last_position_ = 0;
};

} // namespace actord
