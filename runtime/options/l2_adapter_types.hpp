// The names that --l2-adapter knows (spec l2-adapters §4), and what becomes of each.
#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace actord {

/// Types whose keys are read; the others are refused by name.
inline constexpr std::array<std::string_view, 8> built_l2_types
  = {"fs", "fs_native", "raw_block", "resp", "valkey", "s3", "mock", "fault_inject"};

/// The value of `type` when it is a text.
std::optional<std::string> read_l2_type(const nlohmann::ordered_json& object);

/// Why an adapter of this type cannot be read: missing, unknown, or of an engine that is not built
/// in, with what to use in its place. Empty: nothing. In the peer's words where it has some.
std::string l2_type_problem(const std::optional<std::string>& type);

} // namespace actord
