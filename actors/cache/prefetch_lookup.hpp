// The way of one lookup through the stores behind L1.
#pragma once

#include "actors/cache/prefetch_controller.hpp"
#include "runtime/reply.hpp"
#include "runtime/task.hpp"

namespace actord {

/// Holds what L1 has, asks every adapter for the rest, loads what lengthens the prefix, and looks
/// again (spec cache-core §5.2, without its defects).
runtime::task run_prefetch(prefetch_controller_pointer self, boxed<prefetch_order> order,
                           runtime::reply<prefetch_outcome> out);

} // namespace actord
