#include "observability/otlp/encode_spans.hpp"

#include "observability/otlp/wire_values.hpp"
#include "observability/utf8.hpp"

#include <google/protobuf/arena.h>
#include <trace_service.pb.h>

namespace actord::otlp {

namespace {

namespace wire = opentelemetry::proto::trace::v1;
using export_request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

// Tags and lengths around a span with its scope and around what spans lie in, at most.
constexpr size_t span_frame_bytes = 32, request_frame_bytes = 64;

// Bits 8 and 9: it is known whether the parent is another process's, and it is (spec observability
// §7.2, §10.2).
constexpr uint32_t local_parent = 0x100, remote_parent = 0x300;

void put(common::KeyValue& to, const span_attribute& from) {
  to.set_key(from.key.data(), from.key.size());
  auto& value = *to.mutable_value();
  if (const auto* text = std::get_if<std::string>(&from.value))
    value.set_string_value(utf8(*text));
  else if (const auto* number = std::get_if<int64_t>(&from.value))
    value.set_int_value(*number);
  else if (const auto* real = std::get_if<double>(&from.value))
    value.set_double_value(*real);
  else
    value.set_bool_value(std::get<bool>(from.value));
}

void put_failure(wire::Span& to, const span_failure& from) {
  to.mutable_status()->set_code(wire::Status::STATUS_CODE_ERROR);
  to.mutable_status()->set_message(utf8(from.message));
  auto& event = *to.add_events();
  event.set_time_unix_nano(static_cast<uint64_t>(from.time_ns));
  event.set_name("exception");
  otlp::put(*event.add_attributes(), "exception.type", from.type);
  otlp::put(*event.add_attributes(), "exception.message", from.message);
  if (!from.stacktrace.empty())
    otlp::put(*event.add_attributes(), "exception.stacktrace", from.stacktrace);
}

void fill(wire::Span& to, const span_record& from) {
  to.set_trace_id(id_bytes(from.trace));
  to.set_span_id(id_bytes(from.span));
  if (from.parent != 0)
    to.set_parent_span_id(id_bytes(from.parent));
  if (!from.trace_state.empty())
    to.set_trace_state(from.trace_state);
  to.set_name(from.name.data(), from.name.size());
  to.set_kind(from.remote_parent ? wire::Span::SPAN_KIND_SERVER : wire::Span::SPAN_KIND_INTERNAL);
  to.set_start_time_unix_nano(static_cast<uint64_t>(from.start_ns));
  to.set_end_time_unix_nano(static_cast<uint64_t>(from.end_ns));
  to.mutable_attributes()->Reserve(static_cast<int>(from.attributes.size()));
  for (const auto& each : from.attributes)
    put(*to.add_attributes(), each);
  if (from.failure)
    put_failure(to, *from.failure);
  to.set_flags(from.remote_parent ? remote_parent : local_parent);
}

wire::ScopeSpans& scope_of(wire::ResourceSpans& in, std::string_view scope) {
  for (auto& known : *in.mutable_scope_spans())
    if (known.scope().name() == scope)
      return known;
  auto& fresh = *in.add_scope_spans();
  fresh.mutable_scope()->set_name(scope.data(), scope.size());
  return fresh;
}

/// Fills requests span by span. Each is built in an arena and freed in one go.
class span_writer {
public:
  span_writer(const resource_attributes& resource, size_t batch, size_t limit_bytes)
    : resource_(to_wire(resource)), batch_(batch), limit_bytes_(limit_bytes),
      empty_bytes_(resource_.ByteSizeLong() + request_frame_bytes) {
    begin();
  }

  void add(const span_record& from) {
    auto* made = google::protobuf::Arena::CreateMessage<wire::Span>(&arena_);
    fill(*made, from);
    const auto bytes = made->ByteSizeLong() + from.scope.size() + span_frame_bytes;
    if (empty_bytes_ + bytes > limit_bytes_) {
      ++result_.oversized;
      return;
    }
    if (items_ == batch_ || size_ + bytes > limit_bytes_) {
      flush();
      made = google::protobuf::Arena::CreateMessage<wire::Span>(&arena_);
      fill(*made, from);
    }
    scope_of(*spans_, from.scope).mutable_spans()->AddAllocated(made);
    size_ += bytes;
    ++items_;
  }

  requests finish() {
    flush();
    return std::move(result_);
  }

private:
  void begin() {
    request_ = google::protobuf::Arena::CreateMessage<export_request>(&arena_);
    spans_ = request_->add_resource_spans();
    *spans_->mutable_resource() = resource_;
    size_ = empty_bytes_;
    items_ = 0;
  }

  void flush() {
    if (items_ > 0)
      result_.ready.push_back({request_->SerializeAsString(), items_});
    arena_.Reset();
    begin();
  }

  google::protobuf::Arena arena_;
  opentelemetry::proto::resource::v1::Resource resource_;
  size_t batch_, limit_bytes_, empty_bytes_;
  export_request* request_ = nullptr;
  wire::ResourceSpans* spans_ = nullptr;
  size_t size_ = 0, items_ = 0;
  requests result_;
};

} // namespace

std::string id_bytes(uint64_t id) {
  std::string result(8, '\0');
  for (size_t i = result.size(); i-- > 0; id >>= 8)
    result[i] = static_cast<char>(id & 0xFF);
  return result;
}

std::string id_bytes(const trace_id& id) {
  return id_bytes(id.high) + id_bytes(id.low);
}

requests encode_spans(std::span<const span_record> spans, const resource_attributes& resource,
                      size_t batch, size_t limit_bytes) {
  span_writer writer{resource, batch, limit_bytes};
  for (const auto& each : spans)
    writer.add(each);
  return writer.finish();
}

} // namespace actord::otlp
