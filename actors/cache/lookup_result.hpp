// What is told of a lookup.
#pragma once

#include "actors/event_publisher.hpp"
#include "actors/messages.hpp"

namespace actord {

/// Before it has found anything.
/// @param known the model's layout; null: nobody has registered it
lookup_result_details begin_result(const wire::cache_key& key, const model_layout* known,
                                   uint32_t chunks, uint32_t chunk_tokens);

/// The names of its chunks, to whoever logs them.
void publish_names(event_publisher& bus, const wire::cache_key& key, const model_layout& layout,
                   chain_ptr chain, uint32_t chunk_tokens);

/// Puts what the stores behind L1 brought in place of a shorter hit of L1 alone, and writes both
/// down: of a longer hit, the part that L1 had is L1's (spec cache-core §5.4). Returns the lease
/// that nobody needs any more; 0: none.
lease_id take_longer(lookup_outcome& outcome, const prefetch_outcome& brought,
                     lookup_result_details& result, uint32_t chunk_tokens);

} // namespace actord
