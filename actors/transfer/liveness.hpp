// When a registered worker counts as gone.
#pragma once

#include "storage/l1_index.hpp"

#include <chrono>

namespace actord {

struct liveness_options {
  time_ms reap_timeout_ms = 120'000; // 0: silent workers are never dropped
  time_ms registration_grace_ms = 3'600'000;
};

/// How often to look for silent workers: a quarter of the timeout.
inline std::chrono::milliseconds tick_period(const liveness_options& options) {
  return std::chrono::milliseconds(options.reap_timeout_ms > 0 ? options.reap_timeout_ms / 4
                                                               : 60'000);
}

/// A worker's signs of life (spec wire-protocol §3.6). The grace for workers that never pinged ends
/// with their connection: from then on the reap timeout counts.
struct liveness {
  time_ms last_seen_ms = 0;
  bool pinged = false;
  bool connection_ended = false;

  void seen(time_ms now) {
    last_seen_ms = now;
    connection_ended = false;
  }

  bool silent(const liveness_options& options, time_ms now) const {
    if (options.reap_timeout_ms == 0)
      return false;
    const bool short_limit = pinged || connection_ended;
    return now - last_seen_ms
           > (short_limit ? options.reap_timeout_ms : options.registration_grace_ms);
  }
};

} // namespace actord
