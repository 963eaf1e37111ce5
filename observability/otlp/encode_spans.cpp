#include "observability/otlp/encode_spans.hpp"

#include "observability/otlp/wire_values.hpp"
#include "observability/otlp/wire_writer.hpp"
#include "observability/utf8.hpp"

#include <algorithm>
#include <utility>

// Field numbers are those of proto/trace.proto, which the tests read what is written with.
namespace actord::otlp {

namespace {

// Tags and lengths around a span with its scope and around what spans lie in, at most.
constexpr size_t span_frame_bytes = 32, request_frame_bytes = 64;

constexpr uint64_t internal_kind = 1, server_kind = 2, error_code = 2;

// Bits 8 and 9: it is known whether the parent is another process's, and it is (spec observability
// §7.2, §10.2).
constexpr uint32_t local_parent = 0x100, remote_parent = 0x300;

/// Text as protobuf takes it, copied only when it is no ASCII.
class clean_text {
public:
  explicit clean_text(std::string_view text) : view_(text) {
    if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
      view_ = copy_ = utf8(text);
  }
  clean_text(const clean_text&) = delete;
  clean_text& operator=(const clean_text&) = delete;

  std::string_view view() const {
    return view_;
  }

private:
  std::string copy_;
  std::string_view view_;
};

/// A KeyValue whose AnyValue has `length` bytes, which are written next.
void begin_attribute(wire_writer& to, uint32_t field, std::string_view key, size_t length) {
  to.begin(field, wire_writer::bytes_size(key.size()) + wire_writer::bytes_size(length));
  to.bytes(1, key);
  to.begin(2, length);
}

void put_text(wire_writer& to, uint32_t field, std::string_view key, std::string_view text) {
  const clean_text clean{text};
  begin_attribute(to, field, key, wire_writer::bytes_size(clean.view().size()));
  to.bytes(1, clean.view());
}

void put_attribute(wire_writer& to, uint32_t field, const span_attribute& from) {
  if (const auto* text = std::get_if<std::string>(&from.value)) {
    put_text(to, field, from.key, *text);
  } else if (const auto* truth = std::get_if<bool>(&from.value)) {
    begin_attribute(to, field, from.key, 2);
    to.varint(2, *truth);
  } else if (const auto* number = std::get_if<int64_t>(&from.value)) {
    const auto value = static_cast<uint64_t>(*number);
    begin_attribute(to, field, from.key, 1 + wire_writer::varint_size(value));
    to.varint(3, value);
  } else {
    begin_attribute(to, field, from.key, 9);
    to.number(4, std::get<double>(from.value));
  }
}

void put_failure(wire_writer& to, const span_failure& from) {
  wire_writer event;
  event.fixed64(1, static_cast<uint64_t>(from.time_ns));
  event.bytes(2, "exception");
  put_text(event, 3, "exception.type", from.type);
  put_text(event, 3, "exception.message", from.message);
  if (!from.stacktrace.empty())
    put_text(event, 3, "exception.stacktrace", from.stacktrace);
  to.bytes(11, event.text());
  wire_writer status;
  status.bytes(2, clean_text{from.message}.view());
  status.varint(3, error_code);
  to.bytes(15, status.text());
}

void put_span(wire_writer& to, const span_record& from) {
  to.bytes(1, id_bytes(from.trace));
  to.bytes(2, id_bytes(from.span));
  if (!from.trace_state.empty())
    to.bytes(3, clean_text{from.trace_state}.view());
  if (from.parent != 0)
    to.bytes(4, id_bytes(from.parent));
  to.bytes(5, from.name);
  to.varint(6, from.remote_parent ? server_kind : internal_kind);
  to.fixed64(7, static_cast<uint64_t>(from.start_ns));
  to.fixed64(8, static_cast<uint64_t>(from.end_ns));
  for (const auto& each : from.attributes)
    put_attribute(to, 9, each);
  if (from.failure)
    put_failure(to, *from.failure);
  to.fixed32(16, from.remote_parent ? remote_parent : local_parent);
}

/// Fills requests span by span.
class span_writer {
public:
  span_writer(const resource_attributes& resource, size_t batch, size_t limit_bytes)
    : resource_(to_wire(resource).SerializeAsString()), batch_(batch), limit_bytes_(limit_bytes),
      empty_bytes_(resource_.size() + request_frame_bytes), size_(empty_bytes_) {
  }

  void add(const span_record& from) {
    span_.clear();
    put_span(span_, from);
    const auto bytes = span_.text().size() + from.scope.size() + span_frame_bytes;
    if (empty_bytes_ + bytes > limit_bytes_) {
      ++result_.oversized;
      return;
    }
    if (items_ == batch_ || size_ + bytes > limit_bytes_)
      flush();
    scope_of(from.scope).bytes(2, span_.text());
    size_ += bytes;
    ++items_;
  }

  requests finish() {
    flush();
    return std::move(result_);
  }

private:
  struct scope {
    std::string_view name;
    wire_writer message; // ScopeSpans
  };

  wire_writer& scope_of(std::string_view name) {
    auto known = std::ranges::find(scopes_, name, &scope::name);
    if (known != scopes_.end())
      return known->message;
    auto& fresh = scopes_.emplace_back(scope{name, {}}).message;
    fresh.begin(1, wire_writer::bytes_size(name.size()));
    fresh.bytes(1, name);
    return fresh;
  }

  void flush() {
    if (items_ > 0) {
      auto length = wire_writer::bytes_size(resource_.size());
      for (const auto& each : scopes_)
        length += wire_writer::bytes_size(each.message.text().size());
      wire_writer request;
      request.begin(1, length); // ResourceSpans
      request.bytes(1, resource_);
      for (const auto& each : scopes_)
        request.bytes(2, each.message.text());
      result_.ready.push_back({request.text(), items_});
    }
    scopes_.clear();
    size_ = empty_bytes_;
    items_ = 0;
  }

  std::string resource_;
  size_t batch_, limit_bytes_, empty_bytes_;
  wire_writer span_;
  std::vector<scope> scopes_;
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
