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

/// Work of this size never runs inline and goes to one copier.
constexpr uint64_t unknown_bytes = UINT64_MAX;

/// Awaits `work`: run at once when it is small, otherwise on the copiers. `turn` spreads single
/// copies over them. Yields whether all of it ran.
template <class Self>
auto copy_on(Self* self, const std::vector<copier_actor>& copiers, boxed<copy_work> work,
             uint64_t pieces, uint64_t bytes, size_t& turn) {
  auto parts = split_copy(pieces, bytes, copiers.size());
  if (bytes <= inline_copy_bytes) {
    work->run(0, pieces);
    parts.clear();
  }
  return runtime::ask_all(parts, [&](const auto& range) {
    const auto& copier = copiers[turn++ % copiers.size()];
    return self->request(copier, caf::infinite, atom::run_v, work, range.first, range.second);
  });
}

} // namespace actord
