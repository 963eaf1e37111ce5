#include "gpu/block_lists.hpp"

#include "gpu/tensor_span.hpp"

#include <algorithm>
#include <cassert>

namespace actord::gpu {

namespace {

std::string list_error(const kernel_group& group, const block_list& list, uint64_t chunks,
                       int64_t null_block_id) {
  auto needed = checked_mul(chunks, group.blocks_per_chunk);
  if (!needed || list.size() < *needed)
    return "has " + std::to_string(list.size()) + " entries, but " + std::to_string(chunks)
           + " chunks of " + std::to_string(group.blocks_per_chunk)
           + " blocks need more; send the blocks of the whole range";
  if (list.size() % group.blocks_per_chunk != 0)
    return "has " + std::to_string(list.size()) + " entries, which is not a multiple of the "
           + std::to_string(group.blocks_per_chunk) + " blocks of a chunk; send whole chunks";
  const auto blocks = static_cast<int64_t>(group.geometry.blocks);
  for (size_t i = 0; i < list.size(); ++i)
    if ((list[i] < 0 && (list[i] != -1 || null_block_id != -1)) || list[i] >= blocks)
      return "names block " + std::to_string(list[i]) + " at position " + std::to_string(i)
             + ", but the registered tensors have blocks 0 to " + std::to_string(blocks - 1);
  return {};
}

} // namespace

std::string block_lists_error(const paged_layout& layout, std::span<const block_list> lists,
                              uint64_t chunks, int64_t null_block_id) {
  if (lists.size() != layout.kernel_groups.size())
    return std::to_string(lists.size()) + " block lists were sent for "
           + std::to_string(layout.kernel_groups.size())
           + " KV groups; send one list per group, in the order of the "
             "registration";
  for (size_t i = 0; i < lists.size(); ++i)
    if (auto error = list_error(layout.kernel_groups[i], lists[i], chunks, null_block_id);
        !error.empty())
      return "block list " + std::to_string(i) + " " + error;
  return {};
}

bool all_null(const paged_layout& layout, std::span<const block_list> lists, uint64_t chunk,
              uint32_t object_group, int64_t null_block_id) {
  assert(object_group < layout.object_groups.size());
  return std::ranges::all_of(layout.object_groups[object_group].kernel_groups, [&](uint32_t index) {
    const uint64_t count = layout.kernel_groups[index].blocks_per_chunk;
    assert(lists[index].size() >= (chunk + 1) * count);
    return std::ranges::all_of(std::span(lists[index]).subspan(chunk * count, count),
                               [&](int64_t id) { return id == null_block_id; });
  });
}

uint64_t blocks_to_skip(const kernel_group& group, uint64_t skip_tokens) {
  const uint64_t skipped = std::min(skip_tokens / group.tokens_per_block, group.blocks_per_chunk);
  const uint64_t dropped = group.blocks_per_chunk - group.kept_blocks;
  return skipped > dropped ? skipped - dropped : 0;
}

} // namespace actord::gpu
