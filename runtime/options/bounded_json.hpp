// JSON from a command line, parsed without trust in its depth.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace actord {

/// Deepest nesting accepted; printing and copying JSON recurse once per level.
inline constexpr std::size_t max_json_depth = 64;

/// Empty when `text` is no JSON or is nested deeper than `max_json_depth`.
std::optional<nlohmann::ordered_json> parse_bounded_json(const std::string& text);

} // namespace actord
