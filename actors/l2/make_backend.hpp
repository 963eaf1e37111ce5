// A store from its configuration.
#pragma once

#include "actors/l2/backend.hpp"
#include "actors/l2/serde_backend.hpp"
#include "runtime/options/l2_adapter_options.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace actord {

/// What the daemon has for every store.
struct backend_surroundings {
  dtype_source dtype_of;       // for serde fp8
  uint64_t align_bytes = 4096; // of objects in the pool, a power of two
};

struct backend_made {
  std::unique_ptr<l2_backend> backend; // not open; empty with an error
  std::string error;                   // for the operator: what, and what to do
};

/// The store that one --l2-adapter asks for, with its serde and faults around it. Reads and reaches
/// for nothing yet: `open` does, and says what is wrong with a key file.
backend_made
make_backend(const l2_adapter_options& options, const backend_surroundings& surroundings);

} // namespace actord
