#include "observability/otlp/encode_logs.hpp"

#include "observability/otlp/encode_spans.hpp"
#include "observability/otlp/wire_values.hpp"
#include "observability/utf8.hpp"

#include <logs_service.pb.h>

namespace actord::otlp {

namespace {

using export_request = opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;

// Tags and lengths around a record with its scope and around what records lie in, at most.
constexpr size_t record_frame_bytes = 32, request_frame_bytes = 64;

opentelemetry::proto::logs::v1::LogRecord to_wire(const log_record& from) {
  opentelemetry::proto::logs::v1::LogRecord result;
  result.set_time_unix_nano(static_cast<uint64_t>(from.time_ns));
  result.set_observed_time_unix_nano(static_cast<uint64_t>(from.time_ns));
  result.set_severity_number(static_cast<int32_t>(from.level));
  result.set_severity_text(std::string(to_string(from.level)));
  result.mutable_body()->set_string_value(utf8(from.body));
  if (!from.request_id.empty())
    put(*result.add_attributes(), "request_id", from.request_id);
  if (from.trace) {
    result.set_trace_id(id_bytes(from.trace->trace));
    result.set_span_id(id_bytes(from.trace->span));
  }
  return result;
}

} // namespace

std::string_view to_string(severity level) {
  switch (level) {
    case severity::debug: return "DEBUG";
    case severity::info: return "INFO";
    case severity::warning: return "WARNING";
    case severity::error: return "ERROR";
    case severity::critical: return "CRITICAL";
  }
  return {};
}

requests encode_logs(std::span<const log_record> records, const resource_attributes& resource,
                     size_t limit_bytes) {
  requests result;
  export_request empty;
  auto& logs = *empty.add_resource_logs();
  *logs.mutable_resource() = to_wire(resource);
  const auto empty_bytes = empty.ByteSizeLong() + request_frame_bytes;
  auto filling = empty;
  size_t size = empty_bytes, items = 0;
  auto flush = [&] {
    if (items > 0)
      result.ready.push_back({filling.SerializeAsString(), items});
    filling = empty;
    size = empty_bytes;
    items = 0;
  };
  for (const auto& record : records) {
    auto message = to_wire(record);
    const auto bytes = message.ByteSizeLong() + record.logger.size() + record_frame_bytes;
    if (empty_bytes + bytes > limit_bytes) {
      ++result.oversized;
      continue;
    }
    if (size + bytes > limit_bytes)
      flush();
    auto& scopes = *filling.mutable_resource_logs(0)->mutable_scope_logs();
    if (scopes.empty() || scopes.rbegin()->scope().name() != record.logger)
      scopes.Add()->mutable_scope()->set_name(record.logger);
    *scopes.rbegin()->add_log_records() = std::move(message);
    size += bytes;
    ++items;
  }
  flush();
  return result;
}

} // namespace actord::otlp
