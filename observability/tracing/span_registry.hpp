// The spans that have begun and are not over: where every span maker finds its parents.
#pragma once

#include "observability/bounded_table.hpp"
#include "observability/tracing/trace_directory.hpp"

#include <array>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

/// Which traces go out (spec observability §5.1, §10.2 T4).
struct span_sampling {
  double rate = 1;          // of the traces that begin here, 0..1
  bool parent_based = true; // a client that names a trace decides for it
  /// A trace goes out whatever else is said when a span of it failed, took at least this long
  /// (roots apart, which last as long as the engine computes; 0: no limit), or was told to be kept.
  int64_t slow_ns = 1'000'000'000;
};

/// Beyond a limit the oldest make room. A span takes about 2 KiB, its texts included; so do held
/// ones: some 64 MiB when everything is full.
struct span_limits {
  size_t sessions = 8192;
  size_t open = 16384; // spans that are not over
  size_t held = 16384; // spans that are over, of traces that may still have to go out
};

/// Names an open span. The sequence tells spans of one name apart: overlapping stores of a session.
struct span_key {
  std::string_view session; // "": of no request
  std::string_view name;
  uint64_t sequence = 0;
};

struct open_span {
  span_record record;
  uint64_t sequence = 0;
  bool root = false;
  // Of roots, kept by their maker: copies under way, and when the request ended although some are.
  std::array<uint32_t, 2> copies{};
  std::optional<double> ended_s;
};

/// The tracing actor's alone. A maker of spans of its own shares it: it finds parents here whoever
/// opened them, and what it opens is closed with its root, at the latest (spec observability §5.3).
/// Times are Unix seconds.
class span_registry {
public:
  using sink = std::function<void(span_record)>;

  span_registry(std::shared_ptr<trace_directory> directory, span_sampling sampling, sink out,
                span_limits limits = {});

  /// Opens a root. One of the same key that is open is ended first, as abandoned.
  /// @param remote null: no parent
  /// The reference is valid until the next call.
  open_span& open_root(const span_key& key, std::string_view scope, double start_s,
                       const trace_parent* remote = nullptr);
  /// The same below a parent; without one, a root.
  open_span& open(const span_key& key, std::string_view scope, double start_s,
                  const std::optional<span_context>& parent);

  /// Null when none is open; valid until the next call.
  open_span* find(const span_key& key);
  /// The newest open span of the first of these names that has one, of any sequence.
  std::optional<span_context>
  parent_of(std::string_view session, std::initializer_list<std::string_view> names);

  /// Ends a span; with a root, what is still open below it, first and as abandoned. Does nothing
  /// when none is open.
  void close(const span_key& key, double end_s);

  /// A span that is over when it is told of.
  void add(std::string_view session, span_record record);
  /// A record for `add`, with ids; a root where there is no parent.
  span_record make(std::string_view session, std::string_view name, std::string_view scope,
                   double start_s, const std::optional<span_context>& parent);

  /// The session's trace goes out, whatever the sampling says.
  void keep(std::string_view session);

  /// Ends, as abandoned, the spans of sessions that nothing was heard of for `idle_s`.
  void sweep(double now_s, double idle_s);
  /// The same for all, children before parents.
  void close_all(double now_s);

  size_t open_spans() const {
    return open_count_;
  }
  size_t held_spans() const {
    return held_count_;
  }
  trace_directory& directory() {
    return *directory_;
  }

private:
  struct session_spans {
    std::vector<open_span> open; // parents before children
    std::vector<span_record> held;
    bool goes_out = false; // by the ratio, its client, or what happened
    bool had_root = false;
    double last_s = 0;
  };

  session_spans& session_of(std::string_view session, bool asked, double now_s);
  open_span& add_open(std::string_view session, open_span fresh, bool asked, double now_s);
  void abandon_former(const span_key& key, double now_s);
  std::optional<bool> decided(std::string_view session);
  bool sampled(const trace_id& trace, const trace_parent* remote) const;
  static span_record
  begin(std::string_view session, std::string_view name, std::string_view scope, double start_s);
  void finish(std::string_view session, session_spans& of, open_span span, int64_t end_ns);
  void emit(std::string_view session, session_spans& of, span_record record, bool root);
  void let_out(session_spans& of);
  void abandon_below(std::string_view session, session_spans& of, size_t root, int64_t end_ns);
  void end_session(const std::string& session);
  void abandon(const std::string& session, session_spans& of, double now_s);
  void make_room(double now_s);

  std::shared_ptr<trace_directory> directory_;
  span_sampling sampling_;
  sink out_;
  span_limits limits_;
  bounded_table<std::string, session_spans> sessions_;
  bounded_table<span_id, bool> decided_; // roots that are over and of which the ratio says else
  size_t open_count_ = 0, held_count_ = 0;
};

} // namespace actord
