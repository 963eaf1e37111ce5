// store and retrieve of the LMCACHE-DRIVEN TRANSFER, step by step.
#pragma once

#include "actors/transfer/copier.hpp"
#include "actors/transfer/lmcache_driven.hpp"
#include "runtime/reply.hpp"
#include "runtime/task.hpp"

namespace actord {

/// Reserve, gather, commit. True: every object is in L1 (some may have been there). All or nothing:
/// whatever fails aborts the reservation at once (spec wire-protocol §3.2).
runtime::task store_paged(lmcache_driven_actor::stateful_pointer<lmcache_driven_state> self,
                          boxed<wire::store> request, chunk_range range, runtime::reply<bool> out);

/// Claim, scatter, finish. The worker's shares are gone afterwards, also on failure (spec
/// wire-protocol §3.3).
runtime::task
retrieve_paged(lmcache_driven_actor::stateful_pointer<lmcache_driven_state> self,
               boxed<wire::retrieve> request, chunk_range range, runtime::reply<bool> out);

} // namespace actord
