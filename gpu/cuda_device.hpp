// KV tensors on an NVIDIA GPU, shared through CUDA IPC.
#pragma once

#include "gpu/device.hpp"
#include "gpu/gather_scatter.hpp"

#include <memory>
#include <span>
#include <string>

namespace actord::gpu {

/// Makes the device that opens `cuda` and `cuda_raw` handles; null when built without CUDA. It can
/// be made without a GPU: `open` then says so.
std::unique_ptr<device> make_cuda_device();

/// Copies blocks on the current GPU and waits for it. Both sides must be memory that the GPU
/// reaches: device memory, or host memory registered with CUDA. Returns what went wrong ("" when
/// nothing did); a build without CUDA always says so.
std::string
copy_blocks_on_gpu(const block_shape& shape, direction way, std::span<const block_copy> copies);

} // namespace actord::gpu
