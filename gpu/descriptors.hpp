// How an engine describes its paged KV memory: tensor handles, layout hints,
// groups. Plain data from the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace actord::gpu {

/// A tensor of another process (spec wire-protocol §2.4). Shape and strides in
/// elements.
struct tensor_descriptor {
  enum class kind : uint8_t { cpu_shm, cuda, cuda_raw, cuda_vmm } type = kind::cpu_shm;
  std::string dtype; // torch name without prefix
  std::vector<int64_t> shape;
  std::vector<int64_t> stride;
  int64_t storage_offset = 0;
  std::string device_uuid;
  std::string shm_name;     // cpu_shm: "/lmcache_kv_<pid>_<n>", "" for an empty tensor
  int64_t nbytes = 0;       // cpu_shm, cuda_raw, cuda_vmm: size of the segment; cuda: storage_size
  std::string ipc_handle;   // cuda: `mem`; cuda_raw: 64 bytes
  int64_t alloc_offset = 0; // cuda: storage_offset_bytes; cuda_raw, cuda_vmm:
                            // offset in the allocation
};

/// Hints of the engine about its layout; absent = not known.
struct layout_hints {
  std::optional<std::string> kv_layout; // NHD HND BLHNC BLNHC
  std::optional<int64_t> num_kv_heads;
  std::optional<int64_t> tokens_per_block;
  std::optional<std::string> kv_list_layout; // k_v unified
  std::optional<int64_t> head_dim;
};

/// One kernel group as the engine announces it (spec wire-protocol §2.2, §6.2).
struct engine_group_info {
  int64_t engine_group_id = 0;
  std::vector<int64_t> layer_indices;
  int64_t tokens_per_block = 0; // 0: the block size
  int64_t sw_size_tokens = -1;  // -1: no sliding window
  int64_t extra_object_group_tag = 0;
  bool recurrent_state = false;
};

} // namespace actord::gpu
