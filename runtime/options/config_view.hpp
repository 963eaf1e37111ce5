// The answer of GET /config: what the daemon runs with, without secrets.
#pragma once

#include "runtime/options/daemon_options.hpp"

#include <nlohmann/json_fwd.hpp>

namespace actord {

/// Keys and nesting of spec cli-http §2.6 (mp, storage_manager, observability, http,
/// coordinator), then our own options under `actord`. Tokens and keys are shown as `true` or
/// `false` only. Meant to be printed with an indent of 2.
nlohmann::ordered_json config_view(const daemon_options& options);

/// lmcache_driven, engine_driven or auto.
const char* to_string(transfer_mode mode);

/// DEBUG, INFO, WARNING, ERROR or CRITICAL.
const char* to_string(log_level level);

} // namespace actord
