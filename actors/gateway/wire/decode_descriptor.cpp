#include "actors/gateway/wire/decode_descriptor.hpp"

#include "actors/gateway/wire/record.hpp"
#include "actors/gateway/wire/text.hpp"
#include "gpu/dtype.hpp"

#include <algorithm>

namespace actord::wire {

namespace {

using gpu::tensor_descriptor;
using kind = tensor_descriptor::kind;

constexpr int8_t descriptor_ext = 1;
constexpr size_t max_rank = 16;
constexpr size_t mem_handle_bytes = 64;
constexpr size_t export_id_bytes = 16;
constexpr size_t fabric_blob_bytes = 64;

constexpr std::array<std::string_view, 5> metadata_fields
  = {"dtype", "shape", "stride", "storage_offset", "device_uuid"};
constexpr std::array<std::string_view, 5> cpu_shm_fields
  = {"type", "version", "metadata", "shm_name", "nbytes"};
constexpr std::array<std::string_view, 4> cuda_fields = {"type", "version", "metadata", "handle"};
constexpr std::array<std::string_view, 6> cuda_raw_fields
  = {"type", "version", "metadata", "ipc_handle", "alloc_offset", "nbytes"};
constexpr std::array<std::string_view, 9> cuda_vmm_fields
  = {"type",        "version",    "metadata",     "export_id", "kind",
     "fabric_blob", "alloc_size", "alloc_offset", "nbytes"};

std::vector<int64_t> read_sizes(msgpack_reader& in) {
  const uint32_t count = in.read_array();
  if (count > max_rank) {
    in.fail(std::to_string(count) + " dimensions, at most 16 are supported");
  }
  std::vector<int64_t> result;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    result.push_back(read_size(in));
  }
  return result;
}

std::string read_bytes(msgpack_reader& in) {
  const auto bytes = in.read_bin();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string read_bytes_of(msgpack_reader& in, size_t length) {
  std::string bytes = read_bytes(in);
  if (in.ok() && bytes.size() != length) {
    in.fail("bin of " + std::to_string(bytes.size()) + " bytes, expected "
            + std::to_string(length));
  }
  return bytes;
}

void read_version(msgpack_reader& in) {
  const int64_t version = in.read_int64();
  if (in.ok() && version != 1) {
    in.fail(std::to_string(version) + " is not supported, only 1 is");
  }
}

void read_metadata(msgpack_reader& in, tensor_descriptor& out) {
  required_fields required(metadata_fields);
  read_fields(in, [&](std::string_view name) {
    required.saw(name);
    if (name == "dtype") {
      const std::string_view dtype = in.read_str();
      const auto found = gpu::find_dtype(dtype);
      if (in.ok() && !found) {
        in.fail(printable(dtype) + " is not a supported dtype");
      }
      out.dtype = found ? found->name : std::string_view{};
    } else if (name == "shape") {
      out.shape = read_sizes(in);
    } else if (name == "stride") {
      out.stride = read_sizes(in);
    } else if (name == "storage_offset") {
      out.storage_offset = read_size(in);
    } else if (name == "device_uuid") {
      out.device_uuid = in.read_str();
    } else {
      in.fail("unknown key");
      return false;
    }
    return true;
  });
  required.check(in);
  if (in.ok() && out.shape.size() != out.stride.size()) {
    in.fail("shape has " + std::to_string(out.shape.size()) + " dimensions, stride has "
            + std::to_string(out.stride.size()));
  }
}

/// PyTorch's own handle. Its reference counter, event and device ordinal are
/// checked for type only.
void read_cuda_handle(msgpack_reader& in, tensor_descriptor& out) {
  const uint32_t count = in.read_array();
  if (in.ok() && count != 8) {
    in.fail("array of " + std::to_string(count) + ", expected 8 elements");
  }
  const auto optional_bytes = [&] { return in.read_nil() ? std::string{} : read_bytes(in); };
  in.read_int64();
  out.ipc_handle = optional_bytes();
  out.nbytes = read_size(in);
  out.alloc_offset = read_size(in);
  optional_bytes();
  in.read_int64();
  optional_bytes();
  in.read_bool();
}

/// What only `cuda_vmm` has.
struct vmm_fields {
  std::string kind;
  bool has_blob = false;
  int64_t alloc_size = 0;
};

void check_vmm(msgpack_reader& in, const vmm_fields& vmm, const tensor_descriptor& out) {
  if (vmm.kind != "posix_fd" && vmm.kind != "fabric") {
    in.fail("kind: " + printable(vmm.kind) + " is neither posix_fd nor fabric");
  } else if (vmm.has_blob != (vmm.kind == "fabric")) {
    in.fail("fabric_blob must be present with kind fabric, and nil otherwise");
  } else if (out.nbytes > vmm.alloc_size || out.alloc_offset > vmm.alloc_size - out.nbytes) {
    in.fail("alloc_offset " + std::to_string(out.alloc_offset) + " plus nbytes "
            + std::to_string(out.nbytes) + " exceeds alloc_size " + std::to_string(vmm.alloc_size));
  }
}

/// Bytes from the start of the storage to the end of the farthest element;
/// empty on overflow.
std::optional<int64_t> byte_span(const tensor_descriptor& tensor, int64_t item_bytes) {
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) {
    return 0;
  }
  int64_t elements = 0;
  bool overflow = __builtin_add_overflow(tensor.storage_offset, int64_t{1}, &elements);
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    int64_t reach = 0;
    overflow |= __builtin_mul_overflow(tensor.shape[i] - 1, tensor.stride[i], &reach);
    overflow |= __builtin_add_overflow(elements, reach, &elements);
  }
  overflow |= __builtin_mul_overflow(elements, item_bytes, &elements);
  return overflow ? std::nullopt : std::optional(elements);
}

void check_span(msgpack_reader& in, const tensor_descriptor& tensor) {
  const auto dtype = gpu::find_dtype(tensor.dtype);
  const auto span = dtype ? byte_span(tensor, int64_t{dtype->item_bytes}) : std::nullopt;
  if (!span || *span > tensor.nbytes) {
    in.fail("shape and stride reach " + (span ? std::to_string(*span) : "more than 2^63")
            + " bytes into a segment of " + std::to_string(tensor.nbytes));
  }
}

/// Finds the tag, wherever in the map it stands.
std::string_view find_tag(msgpack_reader in) {
  std::string_view tag;
  read_fields(in, [&](std::string_view name) {
    if (name != "type" || in.peek() != msgpack_type::str) {
      return false;
    }
    tag = in.read_str();
    return true;
  });
  return tag;
}

template <size_t Count>
void read_members(msgpack_reader& in, const std::array<std::string_view, Count>& names,
                  tensor_descriptor& out) {
  required_fields required(names);
  vmm_fields vmm;
  read_fields(in, [&](std::string_view name) {
    required.saw(name);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      in.fail("unknown key");
      return false;
    }
    if (name == "type") {
      in.read_str();
    } else if (name == "version") {
      read_version(in);
    } else if (name == "metadata") {
      read_metadata(in, out);
    } else if (name == "shm_name") {
      out.shm_name = in.read_str();
    } else if (name == "nbytes") {
      out.nbytes = read_size(in);
    } else if (name == "handle") {
      read_cuda_handle(in, out);
    } else if (name == "ipc_handle") {
      out.ipc_handle = read_bytes_of(in, mem_handle_bytes);
    } else if (name == "alloc_offset") {
      out.alloc_offset = read_size(in);
    } else if (name == "export_id") {
      read_bytes_of(in, export_id_bytes);
    } else if (name == "kind") {
      vmm.kind = in.read_str();
    } else if (name == "fabric_blob") {
      vmm.has_blob = !in.read_nil();
      out.ipc_handle = vmm.has_blob ? read_bytes_of(in, fabric_blob_bytes) : std::string{};
    } else {
      vmm.alloc_size = read_size(in);
    }
    return true;
  });
  required.check(in);
  if (in.ok() && out.type == kind::cuda_vmm) {
    check_vmm(in, vmm, out);
  }
}

} // namespace

gpu::tensor_descriptor read_descriptor_body(msgpack_reader& in) {
  tensor_descriptor result;
  const std::string_view tag = find_tag(in);
  if (tag == "cpu_shm") {
    result.type = kind::cpu_shm;
    read_members(in, cpu_shm_fields, result);
  } else if (tag == "cuda") {
    result.type = kind::cuda;
    read_members(in, cuda_fields, result);
  } else if (tag == "cuda_raw") {
    result.type = kind::cuda_raw;
    read_members(in, cuda_raw_fields, result);
  } else if (tag == "cuda_vmm") {
    result.type = kind::cuda_vmm;
    read_members(in, cuda_vmm_fields, result);
  } else if (tag == "musa" || tag == "npu") {
    in.fail("type: handles of " + std::string(tag)
            + " devices are not supported; use CUDA or CPU workers");
  } else {
    in.fail("type: " + printable(tag) + " is none of cpu_shm cuda cuda_raw cuda_vmm");
  }
  if (in.ok()) {
    check_span(in, result);
  }
  in.expect_end();
  return result;
}

std::vector<gpu::tensor_descriptor> read_kv_cache_list(msgpack_reader& in) {
  const uint32_t count = in.read_array();
  std::vector<tensor_descriptor> result;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    const msgpack_ext ext = in.read_ext();
    if (in.ok() && ext.code != descriptor_ext) {
      in.fail("ext type " + std::to_string(ext.code) + " is not a device handle, which has type 1");
    }
    if (in.ok()) {
      msgpack_reader inner(ext.body);
      result.push_back(read_descriptor_body(inner));
      if (!inner.ok()) {
        in.fail("handle " + std::to_string(i) + ": " + inner.error());
      }
    }
  }
  return result;
}

} // namespace actord::wire
