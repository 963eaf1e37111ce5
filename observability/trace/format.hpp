// The frames of a trace file (docs/formats/lct.md).
#pragma once

#include "observability/trace/value.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace actord::trace {

/// What a frame may hold; longer ones are passed over.
inline constexpr uint64_t max_frame_bytes = 128 << 20;
/// Values of one frame; those with more are passed over.
inline constexpr size_t max_frame_values = 8 << 20;

inline constexpr int64_t format_version = 1;
inline constexpr int64_t schema_version = 1;

/// The first frame of a file (spec observability §6.2).
struct header {
  std::string magic = "LMCT";
  int64_t format = format_version;
  std::string level = "storage"; // or "events"
  int64_t schema = schema_version;
  double t_mono_start = 0, t_wall_start = 0; // seconds
  std::string sm_config_json;                // "": unknown
  std::string sm_config_digest;              // SHA-256 of it in hex; "": unknown
  value_map level_meta = {};
};

/// One call, or what else `qualname` names.
struct record {
  double t_mono = 0; // seconds since t_mono_start
  double t_wall = 0; // Unix seconds
  std::string qualname;
  value_map args;
};

/// Records that were lost at this point. Readers of LMCache 0.5.6 pass over it with a warning,
/// because its type is none that they know.
struct gap {
  double t_mono = 0, t_wall = 0;
  int64_t dropped = 0;
};

/// The whole frame, its length in front.
std::string encode(const header& what);
std::string encode(const record& what);
std::string encode(const gap& what);

/// A frame's body without its length, or why it is none.
std::variant<header, std::string> decode_header(std::string_view body);
std::variant<record, gap, std::string> decode_record(std::string_view body);

} // namespace actord::trace
