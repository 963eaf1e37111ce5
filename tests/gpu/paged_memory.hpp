// Paged KV memory of an engine that lives in this process, and a slow model of what a copy does.
#pragma once

#include "gpu/copy_job.hpp"
#include "gpu/device.hpp"
#include "gpu/paged_layout.hpp"

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace actord::gpu::test {

using bytes = std::vector<std::byte>;

inline bytes random_bytes(size_t count, std::mt19937_64& random) {
  bytes result(count);
  for (auto& each : result)
    each = static_cast<std::byte>(random());
  return result;
}

/// Describes a tensor of `shape` whose first dimension is padded by `padding` elements.
inline tensor_descriptor
describe(std::vector<int64_t> shape, std::string dtype = "float16", int64_t padding = 0) {
  tensor_descriptor result;
  result.dtype = std::move(dtype);
  result.stride.assign(shape.size(), 1);
  for (size_t i = shape.size() - 1; i-- > 0;)
    result.stride[i] = result.stride[i + 1] * shape[i + 1] + (i == 0 ? padding : 0);
  const int64_t item = find_dtype(result.dtype)->item_bytes;
  result.nbytes = result.stride[0] * shape[0] * item;
  result.shape = std::move(shape);
  result.device_uuid = "cpu";
  return result;
}

/// The tensors of an engine instance, each in its own buffer, filled with random bytes.
struct paged_memory {
  std::vector<tensor_descriptor> tensors;
  std::vector<bytes> buffers;

  void add(tensor_descriptor tensor, std::mt19937_64& random) {
    buffers.push_back(random_bytes(static_cast<size_t>(tensor.nbytes), random));
    tensors.push_back(std::move(tensor));
  }

  std::vector<opened_tensor> open() {
    std::vector<opened_tensor> result;
    for (size_t i = 0; i < tensors.size(); ++i) {
      auto type = *find_dtype(tensors[i].dtype);
      opened_tensor each{buffers[i].data(), type, tensors[i].shape, {}, nullptr};
      for (int64_t stride : tensors[i].stride)
        each.stride_bytes.push_back(static_cast<uint64_t>(stride) * type.item_bytes);
      result.push_back(std::move(each));
    }
    return result;
  }
};

/// Byte offset of element (plane, block, slot, head, dim) in a tensor, from its shape and strides
/// alone. `axes` gives the dimension of each of the five, -1 for none.
inline size_t element_offset(const tensor_descriptor& tensor, const std::array<int, 5>& axes,
                             const std::array<int64_t, 5>& at) {
  int64_t result = 0;
  for (size_t i = 0; i < 5; ++i)
    if (axes[i] >= 0)
      result += tensor.stride[static_cast<size_t>(axes[i])] * at[i];
  return static_cast<size_t>(result) * find_dtype(tensor.dtype)->item_bytes;
}

/// Dimensions of plane, block, slot, head, dim, written down by hand for every format.
inline std::array<int, 5> axes_of(kv_format format, const tensor_descriptor& tensor) {
  switch (format) {
    case kv_format::two_nb_bs_nh_hs: return {0, 1, 2, 3, 4};
    case kv_format::nb_two_bs_nh_hs: return {1, 0, 2, 3, 4};
    case kv_format::two_nb_nh_bs_hs: return {0, 1, 3, 2, 4};
    case kv_format::nb_two_nh_bs_hs: return {1, 0, 3, 2, 4};
    case kv_format::nb_nh_bs_cs: return {-1, 0, 2, 1, 3};
    case kv_format::nb_bs_nh_cs: return {-1, 0, 1, 2, 3};
    case kv_format::nb_bs_hs: return {-1, 0, 1, -1, 2};
    case kv_format::nb_bsv_bss: break;
  }
  if (tensor.shape.size() == 3)
    return {-1, 0, 1, -1, 2};
  // The indexer with a head axis of size 1, which is before the slots or behind them.
  return tensor.shape[1] == 1 ? std::array{-1, 0, 2, 1, 3} : std::array{-1, 0, 1, 2, 3};
}

/// Copies element by element, following spec wire-protocol §6.3 and §7.5 to the letter.
inline void model_copy(const paged_layout& layout, paged_memory& engine, bytes& pool,
                       const copy_request& request) {
  for (const slot& object : request.slots) {
    std::byte* region = pool.data() + object.offset_bytes;
    for (uint32_t index : layout.object_groups[object.group].kernel_groups) {
      const auto& group = layout.kernel_groups[index];
      const auto& g = group.geometry;
      const size_t item = g.type.item_bytes;
      const uint64_t window_tokens
        = group.sw_size_tokens > 0
            ? std::min<uint64_t>(static_cast<uint64_t>(group.sw_size_tokens), layout.chunk_tokens)
            : layout.chunk_tokens;
      const uint64_t kept = window_tokens / group.tokens_per_block;
      const uint64_t per_chunk = layout.chunk_tokens / group.tokens_per_block;
      const uint64_t T = kept * g.slots, L = group.layers.size();
      const uint64_t room = g.planes * L * per_chunk * g.slots * g.heads * g.head_size * item;
      if (request.way == direction::gather)
        std::memset(region, 0, room);
      for (uint64_t p = 0; p < g.planes; ++p)
        for (uint64_t l = 0; l < L; ++l)
          for (uint64_t t = 0; t < T; ++t) {
            const uint64_t block_in_chunk = per_chunk - kept + t / g.slots;
            const uint64_t first_token
              = object.chunk * layout.chunk_tokens + block_in_chunk * group.tokens_per_block;
            const int64_t id = request.block_ids[index][object.chunk * per_chunk + block_in_chunk];
            if (id < 0 || first_token + group.tokens_per_block <= request.skip_tokens
                || request.skip_tokens / group.tokens_per_block * group.tokens_per_block
                     > first_token)
              continue;
            for (uint64_t h = 0; h < g.heads; ++h)
              for (uint64_t d = 0; d < g.head_size; ++d) {
                const auto layer = group.layers[l];
                const auto& tensor = engine.tensors[layer];
                std::byte* there
                  = engine.buffers[layer].data()
                    + element_offset(tensor, axes_of(g.format, tensor),
                                     {static_cast<int64_t>(p), id,
                                      static_cast<int64_t>(t % g.slots), static_cast<int64_t>(h),
                                      static_cast<int64_t>(d)});
                std::byte* here
                  = region
                    + (((p * L + l) * T + t) * g.heads * g.head_size + h * g.head_size + d) * item;
                if (request.way == direction::gather)
                  std::memcpy(here, there, item);
                else
                  std::memcpy(there, here, item);
              }
          }
      region += room;
    }
  }
}

} // namespace actord::gpu::test
