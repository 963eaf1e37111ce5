// Requests of one signal on their way: which is sent when, how often, and what was lost.
#pragma once

#include "observability/otlp/answer.hpp"
#include "observability/otlp/request.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace actord::otlp {

/// Spec observability §7.1.
struct lane_rules {
  int tries = 6;              // of one request
  int64_t total_ms = 10'000;  // all tries of a request and the waits between them
  int64_t pause_ms = 600'000; // after an answer that the receiver does not know the signal
};

/// Items, since the start.
struct lane_counts {
  uint64_t exported = 0, dropped = 0, retries = 0; // retries: of requests
};

/// Pure: time is passed in, in milliseconds of any steady clock. At most one request is under way.
/// Holds no more than one load; whoever loads keeps back what comes faster.
class export_lane {
public:
  enum class news : uint8_t { none, gave_up, rejected, paused };

  explicit export_lane(lane_rules rules = {});

  /// Puts new requests in place of those that still wait, which are dropped.
  void load(requests fresh);

  bool empty() const {
    return waiting_.empty();
  }

  /// Whether the receiver does not know the signal and is left alone for now: what is loaded waits.
  bool paused(int64_t now_ms) const {
    return now_ms < paused_until_ms_;
  }

  /// The request to send now; nothing when none waits or its time has not come. A request whose
  /// time is over is dropped.
  const request* due(int64_t now_ms);

  int64_t paused_until_ms() const {
    return paused_until_ms_;
  }

  /// Forgets the wait before the next try, and a pause.
  void try_now() {
    not_before_ms_ = 0;
    paused_until_ms_ = 0;
  }

  /// How long the call for due() may last.
  int64_t time_left_ms(int64_t now_ms) const;

  /// What came of the request that due() gave.
  /// @param random 0 to 1, spreads the waits by 20 % either way
  news settle(const answer& came, int64_t now_ms, double random);

  /// When due() may have something.
  std::optional<int64_t> next_ms() const;

  void drop_all();

  const lane_counts& counts() const {
    return counts_;
  }

private:
  void pop();
  void drop_front();

  lane_rules rules_;
  std::deque<request> waiting_;
  std::optional<int64_t> deadline_ms_; // of the front; none: not tried yet
  int64_t paused_until_ms_ = 0;
  int64_t not_before_ms_ = 0; // of the front
  int tries_ = 0;             // of the front
  lane_counts counts_;
};

} // namespace actord::otlp
