// Walks through a folder of objects by plain system calls, on a thread of the caller.
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/fs_options.hpp"

#include <atomic>
#include <cstdint>

namespace actord {

/// Calls `more` with the objects that are there, about a thousand at a time, and with an empty page
/// in the end, also after `stop`.
void scan_fs(const fs_options& options, const std::atomic<bool>& stop,
             const l2_backend::page& more);

/// Removes temporary files whose writers are gone: those not touched for an hour. Returns how many.
/// @param now_s Unix time
uint64_t sweep_fs(const fs_options& options, const std::atomic<bool>& stop, int64_t now_s);

/// Files in quarantine, counted up to `limit`.
uint32_t count_fs_quarantine(const fs_options& options, uint32_t limit);

} // namespace actord
