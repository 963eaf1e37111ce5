// How GET /config shows an L2 adapter.
#pragma once

#include "runtime/options/l2_adapter_options.hpp"

#include <nlohmann/json.hpp>

namespace actord {

/// The peer's keys in the peer's order and values (spec cli-http §2.6), then `type` and `cpp`,
/// which are ours. Secrets are `***`.
nlohmann::ordered_json l2_adapter_view(const l2_adapter_options& adapter);

} // namespace actord
