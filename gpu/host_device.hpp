// KV tensors in POSIX shared memory of an engine on this machine.
#pragma once

#include "gpu/device.hpp"

namespace actord::gpu {

/// Maps `cpu_shm` segments. Trusts nothing: a segment must be named
/// `/lmcache_kv_...`, be owned by our own user, be as large as announced, and
/// every tensor must lie inside it. A segment that its owner truncates later
/// breaks its mapping, not the process.
class host_device final : public device {
public:
  /// Installs the process-wide guard against bus errors.
  host_device();

  open_result open(const std::vector<tensor_descriptor>& tensors) override;

  std::string_view name() const noexcept override {
    return "cpu";
  }

  bool host_readable() const noexcept override {
    return true;
  }
};

} // namespace actord::gpu
