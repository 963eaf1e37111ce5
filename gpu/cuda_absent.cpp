// The CUDA device of a build without CUDA.
#include "gpu/cuda_device.hpp"

#ifndef ACTORD_HAS_CUDA

namespace actord::gpu {

std::unique_ptr<device> make_cuda_device() {
  return nullptr;
}

std::string copy_blocks_on_gpu(const block_shape&, direction, std::span<const block_copy>) {
  return "this server was built without CUDA; build it with the CUDA toolkit";
}

} // namespace actord::gpu

#endif
