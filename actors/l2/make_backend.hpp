// From what the operator asked for to a store.
#pragma once

#include "actors/l2/backend.hpp"
#include "runtime/options/l2_adapter_options.hpp"

#include <memory>
#include <string>
#include <variant>

namespace actord {

/// A store that is not open yet, or what is wrong with its options, for the operator.
/// @param align_bytes of objects in L1
std::variant<std::shared_ptr<l2_backend>, std::string>
make_backend(const l2_adapter_options& options, uint32_t align_bytes);

} // namespace actord
