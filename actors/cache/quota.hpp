// The actor that keeps the operator's limits per isolation salt.
#pragma once

#include "actors/cache/quota_levels.hpp"
#include "actors/interfaces.hpp"
#include "storage/quota_book.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <memory>

namespace actord {

struct quota_state {
  static inline const char* name = "quota";

  explicit quota_state(quota_actor::pointer) {
  }

  quota_book book;
  std::shared_ptr<quota_levels> levels;
};

/// In memory only: limits are set again after a restart (spec cache-core §3.4).
/// @param levels what a scrape reads
quota_actor::behavior_type
quota(quota_actor::stateful_pointer<quota_state> self, std::shared_ptr<quota_levels> levels);

} // namespace actord
