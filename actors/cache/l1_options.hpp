// What the daemon's flags mean for L1, in the daemon and in a replay.
#pragma once

#include "actors/cache/eviction_controller.hpp"
#include "actors/cache/l1_manager.hpp"
#include "runtime/options/daemon_options.hpp"

namespace actord {

inline eviction_controller_options eviction_options_of(const daemon_options& options) {
  const auto& eviction = options.l1.eviction;
  return {*parse_eviction_kind(eviction.policy), eviction.trigger_watermark,
          eviction.eviction_ratio};
}

/// All but what it is connected with.
inline l1_manager_options l1_options_of(const daemon_options& options) {
  l1_manager_options result;
  result.index = {options.l1.size_bytes, options.l1.align_bytes, options.l1.write_ttl_ms,
                  options.l1.read_ttl_ms};
  result.policy = *parse_eviction_kind(options.l1.eviction.policy);
  result.trigger_watermark = options.l1.eviction.trigger_watermark;
  result.l1_tag = options.l1.tag;
  result.chunk_tokens = options.mp.chunk_size;
  return result;
}

} // namespace actord
