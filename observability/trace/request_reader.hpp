// Reads the public KV-cache traces that can be imported.
#pragma once

#include "observability/trace/reader.hpp"
#include "observability/trace/request_events.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace actord::trace {

enum class workload_format : uint8_t {
  mooncake, // JSON lines, a request each; block ids are those of the whole file
  agentic,  // one JSON object a file: a session, with block ids of its own
};

/// Exact spelling: mooncake, agentic.
std::optional<workload_format> parse_workload_format(std::string_view name);
/// Tokens of one block, as the format has it.
uint32_t block_tokens(workload_format format);

/// Bytes of one line of a mooncake file; a longer one is a bad request.
inline constexpr uint64_t max_line_bytes = 8 << 20;
/// Bytes of one agentic file: the parser keeps a text that has no end.
inline constexpr uint64_t max_session_bytes = uint64_t{1} << 30;

/// Reads a file to its end and tells its requests in the order of the file, good ones and bad ones.
/// Memory: one line of a mooncake file; of an agentic file the requests that are not closed, and
/// its longest string.
/// @param tell answers false to end the reading
/// @returns why the file as a whole is none of the format, with its line; "" when it was read
std::string
read_requests(workload_format format, const byte_source& from, const request_events::told& tell);

} // namespace actord::trace
