// Tiers of the cache as routes name them.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace actord::http {

constexpr std::array<std::string_view, 3> tiers{"l1", "l2", "all"};
constexpr const char* no_l2 = "no L2 adapters configured";

inline std::string unsupported_tier(const std::string& tier, const char* only) {
  return "tier '" + tier + "' not supported; only '" + only + "'";
}

} // namespace actord::http
