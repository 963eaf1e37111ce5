// How the lines of the log look (spec observability §4.1).
#pragma once

#include <spdlog/formatter.h>

#include <memory>

namespace actord {

/// `[time] LMCache LEVEL: message (file:line:logger)`, local time. Outside text cannot forge a
/// line: control characters are shown as \xNN, and what follows a line end is indented.
std::unique_ptr<spdlog::formatter> make_text_format(bool color);

/// One JSON object a line: time (RFC 3339, UTC), level, logger, actor, message, request_id when the
/// record belongs to a request, trace_id and span_id when that is traced, file and line when they
/// are known.
std::unique_ptr<spdlog::formatter> make_json_format();

} // namespace actord
