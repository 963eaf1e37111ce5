// What the log says of an event.
#pragma once

#include "observability/event.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace actord {

enum class line_level : uint8_t { debug, info, warning };

struct log_line {
  line_level level = line_level::debug;
  std::string text; // of outside strings too: the log makes them safe to print
};

/// The lines about single steps (spec observability §4.2), word for word; none for most events.
std::vector<log_line> step_lines(const event& what);

/// The lines that operators and tools rely on (spec observability §4.3), word for word: what was
/// stored, retrieved and found, and what the eviction loop decided. None when nothing was.
std::vector<log_line> request_lines(const event& what);

} // namespace actord
