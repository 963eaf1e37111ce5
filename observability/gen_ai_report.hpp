// What model servers say about themselves, read from what they send.
#pragma once

#include "observability/gen_ai_metrics.hpp"

#include <string>
#include <variant>

namespace actord {

/// Reads the body of POST /observability/server_metrics: {"kv_cache": {MODEL: PERCENT}, "running":
/// N, "waiting": N, "max": N, "delta": {"running": +-N, "waiting": +-N}}, every part of it optional
/// (spec observability §8.3).
/// @returns the report, or what is wrong with which field
std::variant<gen_ai_report, std::string> parse_gen_ai_push(const std::string& body);

} // namespace actord
