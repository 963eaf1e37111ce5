// What concerns an L2 adapter and the others beside it.
#pragma once

#include "runtime/options/daemon_options.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace actord {

/// Where an adapter keeps its bytes.
struct l2_place {
  std::string key;   // the key of the JSON object that says it
  std::string where; // "": nowhere that another adapter could be (memory)

  /// Whatever the key is called: Redis has one at `host` and one at `startup_nodes`.
  bool operator==(const l2_place& other) const {
    return where == other.where;
  }
};

/// Compares texts only: nothing is looked up, for the store may hang.
l2_place place_of(const l2_adapter_options& adapter);

/// What keeps an adapter from working with the daemon's only L1, for the operator; "" when nothing
/// does. Without the adapter's name in front.
std::vector<std::string> l1_problems(const l2_adapter_options& adapter, const l1_options& l1);

} // namespace actord
