// The seam between what an engine announces and memory that can be copied.
#pragma once

#include "gpu/descriptors.hpp"
#include "gpu/dtype.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace actord::gpu {

/// Memory of another process, mapped into this one until the last owner goes.
class mapping {
public:
  virtual ~mapping() = default;

  /// Whether the memory went away under us: what was read since is void,
  /// nothing written counts.
  virtual bool broken() const noexcept = 0;
};

/// A tensor of an engine, reachable from here. Shape in elements.
struct opened_tensor {
  std::byte* base = nullptr; // element 0; null for an empty tensor
  dtype type;
  std::vector<int64_t> shape;
  std::vector<uint64_t> stride_bytes;
  std::shared_ptr<const mapping> memory; // null for an empty tensor
};

struct open_result {
  std::vector<opened_tensor> tensors; // as many as descriptors, in order
  std::string error;                  // reason and remedy; the tensors are void then
};

/// Opens the KV tensors of an engine instance. One thread at a time.
class device {
public:
  virtual ~device() = default;

  /// Opens all or nothing: whatever was opened before a failure is closed
  /// again.
  virtual open_result open(const std::vector<tensor_descriptor>& tensors) = 0;

  virtual std::string_view name() const noexcept = 0;

  /// Whether a CPU can read what `open` returns.
  virtual bool host_readable() const noexcept = 0;
};

struct device_choice {
  device* chosen = nullptr;
  std::string error; // reason and remedy when none is chosen
};

/// Picks the device that opens these tensors: all of them lie in shared memory,
/// or all on a GPU.
/// @param cuda null when the daemon was built without CUDA
device_choice
choose_device(const std::vector<tensor_descriptor>& tensors, device& host, device* cuda);

} // namespace actord::gpu
