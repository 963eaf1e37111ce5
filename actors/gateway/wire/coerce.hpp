// The lenient rules for payloads that are declared plainly `int` or `bool`.
#pragma once

#include "actors/gateway/wire/msgpack_reader.hpp"

#include <cstdint>

namespace actord::wire {

/// Reads one value of any type as an int: floats truncate, bools count, text
/// that spells an int parses. Everything else, and results outside int64, is an
/// error. Source: wire-protocol §2.1.
int64_t coerce_int(msgpack_reader& in);

/// Reads one value of any type as a bool: false for nil, zero and everything
/// empty.
bool coerce_bool(msgpack_reader& in);

} // namespace actord::wire
