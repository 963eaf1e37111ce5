// Element types as pickles of torch name them.
#pragma once

#include "gpu/dtype.hpp"

#include <optional>
#include <string_view>

namespace actord::wire {

using gpu::find_dtype;

/// The typed storage class in module `torch` that holds `type`; "" for types that pickle as
/// UntypedStorage. Source: wire-protocol §7.3, §7.5.
std::string_view storage_class_of(const gpu::dtype& type) noexcept;

/// Finds the dtype that a typed torch storage class holds.
std::optional<gpu::dtype> find_storage_class(std::string_view storage_class) noexcept;

} // namespace actord::wire
