// The log of the hashes of lookups, for cache simulators: its lines, its files and when they change
// (spec observability §4.6). Nothing here touches a file.
#pragma once

#include "observability/event.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// One JSON object and a line end, spelled as LMCache 0.5.6 does. Outside strings are escaped to
/// ASCII, what is not UTF-8 in them is replaced. @pre `what` is an mp_lookup
std::string lookup_hash_line(const event& what);

/// lookup_hashes_YYYYMMDD_HHMMSS_NNNNNN.jsonl, in UTC.
std::string lookup_hash_file_name(double unix_s, uint64_t number);
bool is_lookup_hash_file(std::string_view name);

/// Limits of one log: seconds and bytes per file, files kept (the newest one always is).
struct lookup_hash_limits {
  int64_t interval_s = 21'600, max_bytes = 104'857'600, max_files = 100;
};

/// Says when a new file begins and which old ones leave.
class lookup_hash_rotation {
public:
  /// @param existing the folder's files of this log, oldest first
  lookup_hash_rotation(lookup_hash_limits limits, std::vector<std::string> existing);

  /// The file to begin for a line of that time; nothing: the open one takes it.
  std::optional<std::string> next_file(double unix_s);
  /// That file is there and open.
  void opened(std::string name, double unix_s);
  /// The name is taken: `next_file` will say another one.
  void skip_number();
  void wrote(uint64_t bytes);
  /// No file is open any more.
  void closed();
  /// Files to remove, oldest first.
  std::vector<std::string> take_surplus();

private:
  lookup_hash_limits limits_;
  std::deque<std::string> files_; // oldest first; the last is open, if one is
  uint64_t number_;
  bool open_ = false;
  double opened_s_ = 0;
  uint64_t bytes_ = 0;
};

} // namespace actord
