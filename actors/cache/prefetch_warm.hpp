// Brings a prompt's chunks into L1 before anybody asks for them.
#pragma once

#include "actors/cache/prefetch_controller.hpp"
#include "runtime/task.hpp"

namespace actord {

/// Brings what L1 lacks of a chain piece by piece, head first, and keeps the result in the
/// controller's table. It ends early when a piece would fill L1 beyond the watermark, or an adapter
/// does not answer in time; what is in L1 already counts as found all the same (spec cache-core
/// §5.4).
/// @pre the job of the order's request id has begun
runtime::task run_warm(prefetch_controller_pointer self, boxed<prefetch_order> order);

} // namespace actord
