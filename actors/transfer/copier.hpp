// The actors that move bytes, so that no copy holds up a request.
#pragma once

#include "actors/interfaces.hpp"
#include "runtime/ask.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <vector>

namespace actord {

/// Runs copies one after another. Spawn it detached: it blocks its thread while it copies.
copier_actor::behavior_type copier(copier_actor::pointer self);

/// How `pieces` pieces of `bytes` in all are spread over `copiers` copiers: ranges [first, last).
/// Copies below 8 MiB stay on one, where a second thread's wake-up costs more than it saves.
std::vector<std::pair<uint64_t, uint64_t>>
split_copy(uint64_t pieces, uint64_t bytes, size_t copiers);

/// Copies of at most this many bytes run where they are asked for: about what waking a thread
/// costs.
constexpr uint64_t inline_copy_bytes = 256 << 10;

/// Awaits `work` on the copiers. `turn` spreads single copies over them.
template <class Self>
auto copy_on(Self* self, const std::vector<copier_actor>& copiers, boxed<copy_work> work,
             uint64_t pieces, uint64_t bytes, size_t& turn) {
  return runtime::ask_all(split_copy(pieces, bytes, copiers.size()), [&](const auto& range) {
    const auto& copier = copiers[turn++ % copiers.size()];
    return self->request(copier, caf::infinite, atom::run_v, work, range.first, range.second);
  });
}

} // namespace actord
