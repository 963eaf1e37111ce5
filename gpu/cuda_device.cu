// CUDA IPC handles opened, and the copy kernel. Compiled only where nvcc is found.
#include "gpu/cuda_device.hpp"
#include "gpu/tensor_span.hpp"

#include <algorithm>
#include <cstring>
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <map>
#include <utility>

namespace actord::gpu {

namespace {

constexpr unsigned threads_per_block = 256;
constexpr unsigned most_blocks = 4096;

template <class Word>
__global__ void
copy_kernel(block_shape shape, direction way, const block_copy* copies, size_t count) {
  for (size_t i = blockIdx.x; i < count; i += gridDim.x)
    copy_words<Word>(shape, way, copies[i], threadIdx.x, blockDim.x);
}

/// Whether every address and the run length are multiples of `bytes`.
bool aligned(const block_shape& shape, std::span<const block_copy> copies, uintptr_t bytes) {
  return shape.run_bytes % bytes == 0
         && std::all_of(copies.begin(), copies.end(), [&](const block_copy& each) {
              return reinterpret_cast<uintptr_t>(each.engine) % bytes == 0
                     && reinterpret_cast<uintptr_t>(each.object) % bytes == 0;
            });
}

std::string text_of(const char* what, cudaError_t code) {
  return std::string(what) + ": " + cudaGetErrorString(code);
}

/// Size of the allocation that begins at `base`, 0 when the driver does not say. The driver's
/// function is looked up so that the binary starts on machines without a driver.
size_t allocation_bytes(void* base) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = {};
  if (cudaGetDriverEntryPointByVersion("cuMemGetAddressRange", &found, 12000, cudaEnableDefault,
                                       &result)
        != cudaSuccess
      || found == nullptr)
    return 0;
  CUdeviceptr begin = 0;
  size_t size = 0;
  const auto address_range = reinterpret_cast<decltype(&cuMemGetAddressRange)>(found);
  const auto code = address_range(&begin, &size, reinterpret_cast<CUdeviceptr>(base));
  return code == CUDA_SUCCESS ? size : 0;
}

/// Memory of another process, opened once per handle.
class ipc_mapping final : public mapping {
public:
  ipc_mapping(int ordinal, void* base) : ordinal_(ordinal), base_(base) {
  }
  ipc_mapping(const ipc_mapping&) = delete;
  ipc_mapping& operator=(const ipc_mapping&) = delete;

  ~ipc_mapping() override {
    if (cudaSetDevice(ordinal_) == cudaSuccess)
      cudaIpcCloseMemHandle(base_);
  }

  bool broken() const noexcept override {
    return false;
  }

  std::byte* base() const noexcept {
    return static_cast<std::byte*>(base_);
  }

private:
  int ordinal_;
  void* base_;
};

/// The hexadecimal digits of a device UUID in whatever spelling.
std::string uuid_digits(std::string_view text) {
  if (text.substr(0, 4) == "GPU-")
    text.remove_prefix(4);
  std::string result;
  for (char c : text)
    if (c != '-')
      result += static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
  return result;
}

std::string uuid_digits(const cudaUUID_t& uuid) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (char c : uuid.bytes) {
    result += digits[static_cast<unsigned char>(c) >> 4];
    result += digits[static_cast<unsigned char>(c) & 15];
  }
  return result;
}

/// The 64 bytes that CUDA wants, and where the tensor's storage begins in that allocation. PyTorch
/// puts a version and a kind in front: 'c' for an allocation, 'e' for an expandable segment.
struct raw_handle {
  std::string bytes;
  std::string error;
};

raw_handle find_handle(const tensor_descriptor& tensor) {
  const std::string& handle = tensor.ipc_handle;
  switch (tensor.type) {
    case tensor_descriptor::kind::cuda_raw:
      if (handle.size() == sizeof(cudaIpcMemHandle_t))
        return {handle, {}};
      break;
    case tensor_descriptor::kind::cuda:
      if (handle.size() >= 2 && handle[1] == 'e')
        return {{},
                "it lies in an expandable segment, which cannot be shared; start the engine "
                "without expandable_segments in PYTORCH_CUDA_ALLOC_CONF"};
      if (handle.size() == 2 + sizeof(cudaIpcMemHandle_t) && handle[1] == 'c' && handle[0] >= 1
          && handle[0] <= 3)
        return {handle.substr(2), {}};
      break;
    default:
      return {{}, "its kind of handle is not supported; use the default or isolated CUDA IPC"};
  }
  return {{},
          "its IPC handle of " + std::to_string(handle.size())
            + " bytes is of an unknown form; update the server for this engine"};
}

class cuda_device final : public device {
public:
  open_result open(const std::vector<tensor_descriptor>& tensors) override;

  std::string_view name() const noexcept override {
    return "cuda";
  }

  bool host_readable() const noexcept override {
    return false;
  }

private:
  struct open_handle {
    std::shared_ptr<const ipc_mapping> memory;
    std::string error;
  };

  std::string find_gpus();
  open_handle open_memory(const std::string& uuid, const std::string& handle);
  std::string open_one(const tensor_descriptor& tensor, opened_tensor& result);

  std::map<std::string, int> ordinals_; // by UUID
  // One mapping per handle in the process: CUDA refuses a second.
  std::map<std::string, std::weak_ptr<const ipc_mapping>> open_;
};

std::string cuda_device::find_gpus() {
  if (!ordinals_.empty())
    return {};
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code != cudaSuccess || count == 0)
    return "the KV tensors are on a GPU, but this server sees none ("
           + std::string(code != cudaSuccess ? cudaGetErrorString(code) : "no device")
           + "); give it the engine's GPUs (CUDA_VISIBLE_DEVICES, --gpus), or set "
             "lmcache.mp.mp_transfer_mode to engine_driven in the engine";
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties = {};
    if (cudaGetDeviceProperties(&properties, i) == cudaSuccess)
      ordinals_[uuid_digits(properties.uuid)] = i;
  }
  return {};
}

cuda_device::open_handle
cuda_device::open_memory(const std::string& uuid, const std::string& handle) {
  const auto gpu = ordinals_.find(uuid_digits(uuid));
  if (gpu == ordinals_.end())
    return {nullptr, "it is on GPU " + shown(uuid)
                       + ", which this server does not see; make that GPU visible to it"};
  auto& known = open_[handle];
  if (auto memory = known.lock())
    return {std::move(memory), {}};
  cudaIpcMemHandle_t raw = {};
  std::memcpy(&raw, handle.data(), sizeof raw);
  void* base = nullptr;
  cudaError_t code = cudaSetDevice(gpu->second);
  if (code == cudaSuccess)
    code = cudaIpcOpenMemHandle(&base, raw, cudaIpcMemLazyEnablePeerAccess);
  if (code != cudaSuccess)
    return {nullptr, text_of("its CUDA IPC handle cannot be opened", code)
                       + "; engine and server must run on one machine and share the IPC namespace"};
  auto memory = std::make_shared<const ipc_mapping>(gpu->second, base);
  known = memory;
  return {std::move(memory), {}};
}

std::string cuda_device::open_one(const tensor_descriptor& tensor, opened_tensor& result) {
  const auto span = check_span(tensor);
  if (!span.error.empty())
    return span.error;
  result.type = span.type;
  result.shape = tensor.shape;
  for (int64_t stride : tensor.stride)
    result.stride_bytes.push_back(static_cast<uint64_t>(stride) * span.type.item_bytes);
  if (span.end_bytes == 0)
    return {};
  auto handle = find_handle(tensor);
  if (!handle.error.empty())
    return handle.error;
  auto opened = open_memory(tensor.device_uuid, handle.bytes);
  if (!opened.error.empty())
    return opened.error;
  const size_t size = allocation_bytes(opened.memory->base());
  const auto offset = static_cast<uint64_t>(tensor.alloc_offset);
  uint64_t end = 0;
  if (__builtin_add_overflow(offset, span.end_bytes, &end) || end > size)
    return "it ends behind its allocation of " + std::to_string(size)
           + " bytes; the descriptor is wrong";
  result.base = opened.memory->base() + offset + span.offset_bytes;
  result.memory = std::move(opened.memory);
  return {};
}

open_result cuda_device::open(const std::vector<tensor_descriptor>& tensors) {
  if (auto error = find_gpus(); !error.empty())
    return {{}, std::move(error)};
  open_result result;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (auto error = open_one(tensors[i], result.tensors.emplace_back()); !error.empty())
      return {{}, "KV tensor " + std::to_string(i) + ": " + error};
  std::erase_if(open_, [](const auto& each) { return each.second.expired(); });
  return result;
}

} // namespace

std::unique_ptr<device> make_cuda_device() {
  return std::make_unique<cuda_device>();
}

std::string
copy_blocks_on_gpu(const block_shape& shape, direction way, std::span<const block_copy> copies) {
  if (copies.empty())
    return {};
  block_copy* list = nullptr;
  cudaError_t code = cudaMalloc(&list, copies.size_bytes());
  if (code != cudaSuccess)
    return text_of("no GPU memory for the list of blocks", code);
  code = cudaMemcpy(list, copies.data(), copies.size_bytes(), cudaMemcpyHostToDevice);
  if (code == cudaSuccess) {
    const auto blocks = static_cast<unsigned>(std::min<size_t>(copies.size(), most_blocks));
    if (aligned(shape, copies, sizeof(uint4)))
      copy_kernel<uint4><<<blocks, threads_per_block>>>(shape, way, list, copies.size());
    else if (aligned(shape, copies, sizeof(uint32_t)))
      copy_kernel<uint32_t><<<blocks, threads_per_block>>>(shape, way, list, copies.size());
    else
      copy_kernel<uint8_t><<<blocks, threads_per_block>>>(shape, way, list, copies.size());
    code = cudaGetLastError();
  }
  if (code == cudaSuccess)
    code = cudaDeviceSynchronize();
  cudaFree(list);
  return code == cudaSuccess ? std::string() : text_of("the copy kernel failed", code);
}

} // namespace actord::gpu
