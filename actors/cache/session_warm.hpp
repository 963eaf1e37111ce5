// Warm prefetches as the SESSIONS see them.
#pragma once

#include "actors/cache/session.hpp"
#include "runtime/reply.hpp"
#include "runtime/task.hpp"

namespace actord {

using session_pointer = session_actor::stateful_pointer<session_state>;

/// Names the chunks of the request's key, in slices, and lets the PREFETCH CONTROLLER answer. No
/// session is made: no engine asks. `absent`: the model is not registered.
runtime::task
request_warm(session_pointer self, boxed<wire::lookup> request, runtime::reply<caf::ok_atom> out);

} // namespace actord
