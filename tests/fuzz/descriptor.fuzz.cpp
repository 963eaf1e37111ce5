// The inside of a device handle.
#include "actors/gateway/wire/decode_descriptor.hpp"
#include "actors/gateway/wire/dtype.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace actord::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  msgpack_reader in({reinterpret_cast<const std::byte*>(data), size});
  const auto tensor = read_descriptor_body(in);
  if (!in.ok()) {
    return 0;
  }
  // What is accepted lies inside its segment, element by element.
  const auto dtype = find_dtype(tensor.dtype);
  if (!dtype || tensor.shape.size() != tensor.stride.size() || tensor.nbytes < 0) {
    std::abort();
  }
  __int128 last = tensor.storage_offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] == 0) {
      return 0;
    }
    last += static_cast<__int128>(tensor.shape[i] - 1) * tensor.stride[i];
  }
  if ((last + 1) * dtype->item_bytes > tensor.nbytes) {
    std::abort();
  }
  return 0;
}
