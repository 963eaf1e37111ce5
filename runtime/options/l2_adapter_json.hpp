// One --l2-adapter: JSON text to options (spec l2-adapters §4).
#pragma once

#include "runtime/options/l2_adapter_options.hpp"
#include "runtime/options/option_sources.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace actord {

struct l2_adapter_reading {
  /// Empty when there are problems.
  std::optional<l2_adapter_options> options;
  /// Whole messages: `--l2-adapter #2 ('fs'): base_path must be ...`. Never a password.
  std::vector<std::string> problems;
  /// At most one for all unknown keys together.
  std::vector<std::string> warnings;
  /// Keys that its type has, `cpp.breaker.failures` among them.
  std::vector<std::string> known_keys;
};

/// `number` counts from 1. Touches no file and no network. `variables` are asked for the
/// credentials of resp where the object has none.
l2_adapter_reading
read_l2_adapter(const std::string& text, std::size_t number, const environment& variables);

/// The same for an adapter that comes in another way: `who` begins every message in place of
/// `--l2-adapter #2`.
l2_adapter_reading
read_l2_adapter_as(const std::string& who, const std::string& text, const environment& variables);

} // namespace actord
