// Which trace a request is in, for parts that do not make spans.
#pragma once

#include "actors/gateway/wire/requests.hpp"
#include "observability/tracing/trace_directory.hpp"

#include <memory>
#include <optional>
#include <string_view>

namespace actord {

/// From now on `parent_of` and `trace_of` know of traces; null: no longer. The log is one for the
/// whole process, and so is this. Any thread.
void trace_requests(std::shared_ptr<trace_directory> directory);

/// The trace that a request's client named; null when it named none, or tracing is off. Any thread.
std::shared_ptr<const trace_parent> parent_of(const wire::cache_key& key);

/// The trace and root span of a request; nothing when tracing is off. Any thread.
std::optional<span_context> trace_of(std::string_view request_id);

} // namespace actord
