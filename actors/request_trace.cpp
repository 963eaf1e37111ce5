#include "actors/request_trace.hpp"

#include <atomic>
#include <utility>

namespace actord {

namespace {

std::atomic<std::shared_ptr<trace_directory>>& known() {
  static std::atomic<std::shared_ptr<trace_directory>> directory;
  return directory;
}

} // namespace

void trace_requests(std::shared_ptr<trace_directory> directory) {
  known().store(std::move(directory));
}

std::shared_ptr<const trace_parent> parent_of(const wire::cache_key& key) {
  if (!key.trace)
    return nullptr;
  const auto directory = known().load();
  auto parent
    = directory ? parse_trace_parent(key.trace->traceparent, key.trace->tracestate) : nullptr;
  if (parent) // before a line of the log is written of the request
    directory->join(key.request_id, *parent);
  return parent;
}

std::optional<span_context> trace_of(std::string_view request_id) {
  const auto directory = request_id.empty() ? nullptr : known().load();
  return directory ? std::optional{directory->context_of(request_id)} : std::nullopt;
}

} // namespace actord
