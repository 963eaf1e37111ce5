// How many bytes a tensor description covers, and whether that stays inside its
// segment.
#pragma once

#include "gpu/descriptors.hpp"
#include "gpu/dtype.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace actord::gpu {

/// Product of two sizes; empty when it does not fit.
constexpr std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) noexcept {
  uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// A description of which nothing has to be believed any more.
struct tensor_span {
  dtype type;
  uint64_t offset_bytes = 0; // of element 0 from the begin of the segment
  uint64_t end_bytes = 0;    // behind the last element; 0 for an empty tensor
  std::string error;         // what is wrong; the rest is void then
};

/// Checks dtype, ranks, signs and that the byte span (spec wire-protocol §2.4)
/// ends within `nbytes`.
tensor_span check_span(const tensor_descriptor& tensor);

/// "[2, 16, 4]", cut after 8 dimensions.
std::string shape_text(const tensor_descriptor& tensor);

} // namespace actord::gpu
