// What happened within a request, from when to when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace actord {

/// 128 bits, most significant half first. All zero: none.
struct trace_id {
  uint64_t high = 0, low = 0;
  bool operator==(const trace_id&) const = default;
};

/// 0: none.
using span_id = uint64_t;

/// Lower-case hexadecimal, as W3C and OTLP/JSON write ids.
std::string hex(uint64_t number);
std::string hex(const trace_id& id);

/// What children and log lines of a span need to know of it.
struct span_context {
  trace_id trace;
  span_id span = 0;
  bool operator==(const span_context&) const = default;
};

struct span_attribute {
  std::string_view key; // a literal
  std::variant<std::string, int64_t, double, bool> value;
};

/// Why a span's work failed: its `exception` event (OpenTelemetry's convention).
struct span_failure {
  int64_t time_ns = 0;
  std::string type, message, stacktrace; // "": not told
};

/// A span that is over, as compact as it waits for its export. Text is bounded where it comes in:
/// `span_text_limit` bytes a value, `span_attribute_limit` values.
struct span_record {
  std::string_view scope, name; // literals
  trace_id trace;
  span_id span = 0, parent = 0;
  bool remote_parent = false; // the parent is another process's; the span is of kind SERVER
  std::string trace_state;    // W3C, of the remote parent
  int64_t start_ns = 0, end_ns = 0;
  std::vector<span_attribute> attributes;
  std::optional<span_failure> failure; // status ERROR

  span_context context() const {
    return {trace, span};
  }

  /// Puts or replaces an attribute. Text is cut to `span_text_limit`.
  void set(std::string_view key, std::string_view text);
  void set(std::string_view key, int64_t number);
  void set(std::string_view key, double number);
  void set(std::string_view key, bool truth);

private:
  void put(std::string_view key, std::variant<std::string, int64_t, double, bool> value);
};

constexpr size_t span_text_limit = 1024;
constexpr size_t span_stack_limit = 4096;
constexpr size_t span_attribute_limit = 128; // OpenTelemetry's default

/// Nanoseconds of a Unix time in seconds, cut off (spec observability §5.1).
int64_t to_span_ns(double time_s);

} // namespace actord
