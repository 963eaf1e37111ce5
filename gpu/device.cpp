#include "gpu/device.hpp"

namespace actord::gpu {

device_choice
choose_device(const std::vector<tensor_descriptor>& tensors, device& host, device* cuda) {
  if (tensors.empty())
    return {nullptr, "the list of KV tensors is empty; register at least one layer"};
  size_t on_host = 0;
  for (const tensor_descriptor& tensor : tensors)
    on_host += tensor.type == tensor_descriptor::kind::cpu_shm ? 1 : 0;
  if (on_host == tensors.size())
    return {&host, {}};
  if (on_host > 0)
    return {nullptr, std::to_string(on_host) + " of " + std::to_string(tensors.size())
                       + " KV tensors are on the CPU and the rest on a GPU; "
                         "register all of them "
                         "from one kind of device"};
  if (cuda == nullptr)
    return {nullptr, "the KV tensors are on a GPU, but this server was built without "
                     "CUDA; build "
                     "it with the CUDA toolkit, or set lmcache.mp.mp_transfer_mode to "
                     "engine_driven in the engine"};
  return {cuda, {}};
}

} // namespace actord::gpu
