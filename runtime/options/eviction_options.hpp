// When a tier gives up what it keeps, and what first.
#pragma once

#include <string>

namespace actord {

/// What leaves a tier and when (spec cli-http §1.4.3, l2-adapters §3.3).
struct eviction_options {
  /// LRU, ARC, IsolatedLRU, noop or MQ.
  std::string policy;
  /// Used share of the tier at which eviction starts, (0, 1].
  double trigger_watermark = 0.8;
  /// Share that one run frees, [0, 1].
  double eviction_ratio = 0.2;
};

} // namespace actord
