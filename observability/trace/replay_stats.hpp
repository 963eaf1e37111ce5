// What a replay measured, as LMCache 0.5.6 tells it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::trace {

/// One replayed record. The times are for plots and are not part of what the peer writes.
struct replay_sample {
  std::string qualname;
  double latency_ms = 0;
  bool failed = false;
  double t_s = 0;                        // of the trace
  uint64_t wanted = 0, hits = 0;         // chunks of a lookup
  uint64_t used_bytes = 0, l1_bytes = 0; // of L1, afterwards
};

/// A line of --jsonl-out, with its line end: the peer's three fields, then ours.
std::string json_line(const replay_sample& sample);

/// The sample of such a line; also of one with the peer's three fields alone, which has no time.
/// Nothing when it is none.
std::optional<replay_sample> parse_json_line(const std::string& line, bool& has_time);

/// Collects latencies (spec observability §6.7: of successes only).
class replay_stats {
public:
  void add(const replay_sample& sample);
  /// A record that was not replayed.
  void skip() {
    ++skipped_;
  }

  uint64_t replayed() const {
    return replayed_;
  }
  uint64_t skipped() const {
    return skipped_;
  }
  uint64_t failed() const {
    return failed_;
  }

  struct verdict {
    std::string level;
    double duration_s = 0;
    std::string recorded_digest, run_digest; // "": unknown
    bool same = false;                       // but for what differs from run to run
  };

  /// trace_replay_ops.csv, with CRLF.
  std::string csv() const;
  /// trace_replay_summary.json.
  std::string json(double duration_s) const;
  /// The table for a terminal, 64 columns wide, and a section of ours: what lookups found.
  std::string table(const verdict& run) const;

private:
  struct timings {
    std::vector<double> latencies_ms; // of successes
    uint64_t errors = 0;
  };
  struct row {
    uint64_t count = 0, errors = 0;
    double mean = 0, p50 = 0, p90 = 0, p99 = 0, least = 0, most = 0; // ms
  };

  static row row_of(const timings& from);

  std::map<std::string, timings> operations_; // by qualname
  uint64_t replayed_ = 0, skipped_ = 0, failed_ = 0;
  uint64_t wanted_ = 0, hits_ = 0;
};

} // namespace actord::trace
