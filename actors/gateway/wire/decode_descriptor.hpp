// Handles to the engine's tensors: msgpack Ext type 1 with a tagged union
// inside.
#pragma once

#include "actors/gateway/wire/msgpack_reader.hpp"
#include "gpu/descriptors.hpp"

#include <vector>

namespace actord::wire {

/// Reads the inside of a device handle (wire-protocol §2.4), which is also what
/// gRPC carries. Unknown keys, another version, an unknown tag, a shape that
/// does not fit its segment and anything but one whole map are errors. `musa`
/// and `npu` are refused with a text. `cuda_vmm`: `ipc_handle` is the fabric
/// blob, empty for a posix_fd.
gpu::tensor_descriptor read_descriptor_body(msgpack_reader& in);

/// Reads an array of Ext type 1, in layer order.
std::vector<gpu::tensor_descriptor> read_kv_cache_list(msgpack_reader& in);

} // namespace actord::wire
