// The block-id lists of a store or retrieve: one per kernel group, for a run of
// chunks.
#pragma once

#include "gpu/paged_layout.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace actord::gpu {

using block_list = std::vector<int64_t>;

/// Returns what is wrong with the lists ("" when nothing is): their number,
/// their lengths and every single id, -1 being one only where it is the null
/// block (spec wire-protocol §3.2, §3.3, §9.6).
std::string block_lists_error(const paged_layout& layout, std::span<const block_list> lists,
                              uint64_t chunks, int64_t null_block_id);

/// Whether a chunk holds nothing of an object group: all of its ids are the
/// null block. A store leaves such a chunk out and still succeeds (spec
/// wire-protocol §3.2).
/// @pre the lists have no error, `chunk` is one of theirs
bool all_null(const paged_layout& layout, std::span<const block_list> lists, uint64_t chunk,
              uint32_t object_group, int64_t null_block_id);

/// How many of the copied blocks of a chunk stay untouched when its first
/// `skip_tokens` tokens are to be skipped: rounded down to whole blocks; those
/// that a window drops anyway count (spec wire-protocol §7.5).
uint64_t blocks_to_skip(const kernel_group& group, uint64_t skip_tokens);

} // namespace actord::gpu
