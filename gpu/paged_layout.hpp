// What the paged KV memory of an engine instance means for chunks: groups,
// objects and block lists.
#pragma once

#include "gpu/kv_format.hpp"
#include "storage/l1_index.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace actord::gpu {

/// Layers that are copied alike: one block-id list, one region in an object
/// (spec wire-protocol §6.2). `geometry` is that of the first layer, with the
/// fewest blocks of all.
struct kernel_group {
  layer_geometry geometry;
  std::vector<uint32_t> layers; // indices of tensors, ascending
  int64_t engine_group_id = 0;  // one space of block ids
  uint64_t tokens_per_block = 0;
  int64_t sw_size_tokens = -1; // -1: no sliding window
  int64_t extra_object_group_tag = 0;
  bool recurrent_state = false;

  uint32_t object_group = 0;
  uint64_t blocks_per_chunk = 0;
  uint64_t kept_blocks = 0;   // of every chunk the last that many are copied (sub-chunk window)
  uint64_t region_offset = 0; // bytes from the begin of the object
  uint64_t region_bytes = 0;  // reserved in the object
  uint64_t content_bytes = 0; // of them filled, from the front: planes, layers, slots, hidden

  bool operator==(const kernel_group&) const = default;
};

/// What shares one memory object.
struct object_group {
  group_layout layout;
  bool recurrent = false;
  std::vector<uint32_t> kernel_groups; // in the order of their regions

  bool operator==(const object_group&) const = default;
};

struct paged_layout {
  uint64_t chunk_tokens = 0;
  std::vector<std::optional<layer_geometry>> layers; // by tensor; empty where none was detected
  std::vector<kernel_group> kernel_groups;
  std::vector<object_group> object_groups;
  uint64_t num_blocks = 0;            // of the first kernel group
  uint64_t cache_bytes_per_token = 0; // of this rank, all groups

  /// The part of the layout that the index knows, by object group.
  std::vector<group_layout> group_layouts() const;

  bool operator==(const paged_layout&) const = default;
};

struct layout_options {
  uint64_t chunk_tokens = 256;
  bool separate_object_groups = false; // one object group per window size
  bool cpu_only = true;                // what a missing layout hint means
  bool cut_windows = false;            // objects hold a sub-chunk window only, not the
                                       // room of a full chunk
};

struct layout_result {
  std::optional<paged_layout> layout;
  std::string error; // reason and remedy when there is none
};

/// Detects the layout of an instance from what it registers (spec wire-protocol
/// §3.1, §6).
/// @param groups one per kernel group, in order of their first layers; empty:
/// one engine group
layout_result
make_paged_layout(std::span<const tensor_descriptor> tensors, const layout_hints& hints,
                  std::span<const engine_group_info> groups, const layout_options& options);

/// "4 x [2, 256, 16, 4, 64]": layers of the group and the shape of each (spec
/// cli-http §2.5).
std::string concrete_shape(const kernel_group& group);

/// What a chunk of a group looks like to those who count its bytes: planes (when K and V are
/// apart), layers, tokens, elements of a token.
std::vector<int64_t> chunk_shape(const kernel_group& group, uint64_t chunk_tokens);

} // namespace actord::gpu
