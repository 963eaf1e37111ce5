#include "actors/cache/lookup_result.hpp"

#include <algorithm>
#include <utility>

namespace actord {

lookup_result_details begin_result(const wire::cache_key& key, const model_layout* known,
                                   uint32_t chunks, uint32_t chunk_tokens) {
  lookup_result_details result;
  result.model_name = key.model_name;
  result.cache_salt = key.cache_salt;
  result.requested_tokens = uint64_t{chunks} * chunk_tokens;
  if (!known)
    result.early_exit_reason = "no_gpu_context"; // nobody has registered the model
  else if (chunks == 0)
    result.early_exit_reason = "empty_chunk_hashes";
  else
    result.requested_keys = uint64_t{chunks} * known->groups.size() * known->world_size;
  return result;
}

void publish_names(event_publisher& bus, const wire::cache_key& key, const model_layout& layout,
                   chain_ptr chain, uint32_t chunk_tokens) {
  if (bus.wants(event_type::mp_lookup))
    bus.publish(event_type::mp_lookup, key.request_id,
                lookup_details{key.model_name, std::move(chain), chunk_tokens, key.token_ids.size(),
                               layout.dtypes, layout.shapes});
}

lease_id take_longer(lookup_outcome& outcome, const prefetch_outcome& brought,
                     lookup_result_details& result, uint32_t chunk_tokens) {
  auto spare = brought.hit.lease;
  result.l1_hit_tokens = uint64_t{outcome.hit_chunks} * chunk_tokens;
  result.l1_hit_keys = outcome.objects;
  if (brought.hit.hit_chunks > outcome.hit_chunks) {
    spare = std::exchange(outcome, brought.hit).lease;
    result.l2_hit_keys = std::min(brought.l2_objects, outcome.objects);
    result.l1_hit_keys = outcome.objects - result.l2_hit_keys;
  }
  result.found_chunks = outcome.hit_chunks;
  result.hit_tokens = uint64_t{outcome.hit_chunks} * chunk_tokens;
  result.l2_hit_tokens = result.hit_tokens - result.l1_hit_tokens;
  return spare;
}

} // namespace actord
