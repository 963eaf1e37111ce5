// What model servers say about themselves, read from what they send.
#pragma once

#include "observability/gen_ai_metrics.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace actord {

/// One report. Levels that are not in it are left as they were.
struct gen_ai_report {
  gen_ai_usages usages;
  std::optional<int64_t> running, waiting, max;
  int64_t running_delta = 0, waiting_delta = 0;
};

/// Reads the body of POST /observability/server_metrics: {"kv_cache": {MODEL: PERCENT}, "running":
/// N, "waiting": N, "max": N, "delta": {"running": +-N, "waiting": +-N}}, every part of it optional
/// (spec observability §8.3).
/// @returns the report, or what is wrong with which field
std::variant<gen_ai_report, std::string> parse_gen_ai_push(const std::string& body);

} // namespace actord
