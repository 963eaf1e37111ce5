// Element types by their torch names.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace actord::wire {

/// An element type that KV data may have.
struct dtype_info {
  std::string_view name;          // canonical, without "torch."
  uint32_t item_bytes = 0;        // 1, 2, 4 or 8
  std::string_view storage_class; // of module `torch`; "" for types that pickle
                                  // as UntypedStorage
};

/// Finds a dtype by its name or alias (`half`, `short`, `float`, `int`,
/// `double`, `long`); empty for unknown, sub-byte, quantised and complex types.
/// Source: wire-protocol §7.3, §7.5.
std::optional<dtype_info> find_dtype(std::string_view name) noexcept;

/// Finds the dtype that a typed torch storage class holds.
std::optional<dtype_info> find_storage_class(std::string_view storage_class) noexcept;

} // namespace actord::wire
