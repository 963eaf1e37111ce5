#include "gpu/tensor_span.hpp"

namespace actord::gpu {

namespace {

/// Elements from the begin of the segment to behind the last one; 0 for an
/// empty tensor.
std::optional<uint64_t> span_elements(const tensor_descriptor& tensor) {
  uint64_t result = static_cast<uint64_t>(tensor.storage_offset) + 1;
  bool empty = false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] == 0) {
      empty = true;
      continue;
    }
    auto extent = checked_mul(static_cast<uint64_t>(tensor.shape[i] - 1),
                              static_cast<uint64_t>(tensor.stride[i]));
    if (!extent || __builtin_add_overflow(result, *extent, &result))
      return std::nullopt;
  }
  return empty ? 0 : result;
}

std::string signs_error(const tensor_descriptor& tensor) {
  if (tensor.shape.size() != tensor.stride.size())
    return "its shape has " + std::to_string(tensor.shape.size()) + " dimensions but its stride "
           + std::to_string(tensor.stride.size()) + "; both must have the same number";
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    if (tensor.shape[i] < 0 || tensor.stride[i] < 0)
      return "dimension " + std::to_string(i) + " has a negative size or stride";
  if (tensor.storage_offset < 0 || tensor.nbytes < 0 || tensor.alloc_offset < 0)
    return "its storage_offset, nbytes or allocation offset is negative";
  return {};
}

} // namespace

tensor_span check_span(const tensor_descriptor& tensor) {
  tensor_span result;
  auto type = find_dtype(tensor.dtype);
  if (!type) {
    result.error = "dtype '" + shown(tensor.dtype)
                   + "' is not supported; use a KV cache dtype of 1, 2, 4 or 8 "
                     "bytes per element";
    return result;
  }
  result.type = *type;
  result.error = signs_error(tensor);
  if (!result.error.empty())
    return result;
  auto elements = span_elements(tensor);
  auto end = elements ? checked_mul(*elements, type->item_bytes) : std::nullopt;
  if (!end || *end > static_cast<uint64_t>(tensor.nbytes)) {
    result.error = "shape " + shape_text(tensor) + " with its strides and storage_offset "
                   + std::to_string(tensor.storage_offset) + " ends "
                   + (end ? "at byte " + std::to_string(*end) : "beyond 2^64 bytes")
                   + ", but its segment has " + std::to_string(tensor.nbytes)
                   + " bytes; the descriptor is wrong";
    return result;
  }
  result.end_bytes = *end;
  result.offset_bytes
    = *end == 0 ? 0 : static_cast<uint64_t>(tensor.storage_offset) * type->item_bytes;
  return result;
}

std::string shape_text(const tensor_descriptor& tensor) {
  std::string result = "[";
  for (size_t i = 0; i < tensor.shape.size() && i < 8; ++i)
    result += (i == 0 ? "" : ", ") + std::to_string(tensor.shape[i]);
  return result + (tensor.shape.size() > 8 ? ", ...]" : "]");
}

} // namespace actord::gpu
