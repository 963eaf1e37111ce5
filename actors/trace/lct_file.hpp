// A trace file on disk, for reading.
#pragma once

#include "observability/trace/reader.hpp"

#include <string>
#include <variant>

namespace actord {

/// The bytes of a file, in blocks of 1 MiB, or why it cannot be opened. A read that fails ends the
/// file. The file closes with the last copy of the source.
std::variant<trace::byte_source, std::string> open_bytes(const std::string& path);

/// The same as a trace. What is wrong with its rest is told to `warn`.
std::variant<trace::reader, std::string>
open_lct(const std::string& path, trace::reader::warning warn);

} // namespace actord
