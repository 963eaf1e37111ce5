// What a trace file holds, on one screen.
#pragma once

#include "observability/trace/format.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

namespace actord::trace {

/// Adds up the records of a file and writes what `lmcache trace info` writes (spec observability
/// §6.7).
class summary {
public:
  explicit summary(header head) : head_(std::move(head)) {
  }

  void add(const record& what);

  /// The report, with its line ends. Control characters of the file are escaped.
  /// @param path as the user gave it
  std::string text(std::string_view path) const;

private:
  void add_batch(const value_map& args);
  void append_events(std::string& out) const;

  using batch_kind = std::tuple<std::string, std::string, std::string, bool>; // ..., shared

  header head_;
  double last_mono_ = 0;
  uint64_t total_ = 0;
  std::map<std::string, uint64_t> calls_;
  // Of level `events`.
  std::map<std::string, std::set<int64_t>> incarnations_; // by instance
  std::map<batch_kind, uint64_t> batches_;
  std::map<std::string, uint64_t> entries_, lifecycle_;
  int64_t store_bytes_ = 0;
  uint64_t entries_with_tokens_ = 0;
};

/// A text from a file, safe for a terminal.
std::string printable_line(std::string_view text);

} // namespace actord::trace
