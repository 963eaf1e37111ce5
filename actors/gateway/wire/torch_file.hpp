// The legacy file format of torch, as pickled storages carry it.
#pragma once

#include "actors/gateway/wire/dtype.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace actord::wire {

/// The one CPU storage of a torch file.
struct torch_storage {
  std::optional<gpu::dtype> dtype;  // empty: UntypedStorage, counted in bytes
  std::span<const std::byte> bytes; // of the input
};

/// Reads a legacy torch file (wire-protocol §7.3): five small pickles, an
/// element count, the data to the end. Errors are returned as text.
std::variant<torch_storage, std::string> read_torch_file(std::span<const std::byte> bytes);

} // namespace actord::wire
