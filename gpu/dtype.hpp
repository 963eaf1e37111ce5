// Element types by their torch names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace actord::gpu {

/// Element type of a KV tensor.
struct dtype {
  std::string_view name;   // canonical torch name without prefix; static storage
  uint32_t item_bytes = 0; // 1, 2, 4 or 8
  bool operator==(const dtype&) const = default;
};

/// Returns the type that `name` or its alias (`half`, `long`, ...) means; empty
/// for anything that has no whole number of bytes per element or is quantised
/// or complex (spec wire-protocol §7.5).
std::optional<dtype> find_dtype(std::string_view name) noexcept;

/// Text from outside, cut to 64 characters and without control characters, for
/// messages.
std::string shown(std::string_view text);

} // namespace actord::gpu
