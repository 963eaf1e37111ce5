// The actors' clock: CAF's, so that tests turn it by hand.
#pragma once

#include "storage/l1_index.hpp"

#include <caf/actor_clock.hpp>

#include <chrono>

namespace actord {

/// Milliseconds of the monotonic clock that `self`'s actor system runs on.
template <class Self>
time_ms now_ms(Self& self) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
           self.clock().now().time_since_epoch())
    .count();
}

} // namespace actord
