// Which trace a request is in.
#pragma once

#include "observability/bounded_table.hpp"
#include "observability/sampling.hpp"
#include "observability/tracing/trace_parent.hpp"

#include <array>
#include <mutex>
#include <optional>
#include <string_view>

namespace actord {

/// Random ids, never zero: xoshiro256++ (Blackman and Vigna 2019). Not for secrets.
class span_ids {
public:
  /// @param seed random
  explicit span_ids(const std::array<uint64_t, 4>& seed);

  trace_id next_trace();
  span_id next_span();

private:
  uint64_t next();

  std::array<uint64_t, 4> state_;
};

/// Clients choose the names of requests; further bytes tell nothing apart.
constexpr size_t request_name_limit = 256;

/// The trace and the root span of each request, chosen by whoever asks first: a line of the log is
/// written before the span makers have heard of its request. A request that is over stays known
/// until `capacity` later ones have come: log lines and copies may come late. Any thread; about 100
/// bytes per request.
class trace_directory {
public:
  static constexpr size_t capacity = 16384;

  explicit trace_directory(const std::array<uint64_t, 4>& seed);

  /// The request's trace, a fresh one when it has none yet.
  span_context context_of(std::string_view request);

  /// The same without making one.
  std::optional<span_context> find(std::string_view request);

  /// A client says which trace the request belongs to. Comes before whatever else is told of it.
  void join(std::string_view request, const trace_parent& parent);

  /// The root span begins. When the request's last root is over, it gets a trace of its own.
  /// @param parent null: the client named none
  span_context begin_root(std::string_view request, const trace_parent* parent);
  /// Where late comers of a request that is over belong; nothing when its root is open or unknown.
  std::optional<span_context> closed_root(std::string_view request);
  void end_root(std::string_view request);

  /// Of what belongs to no request.
  span_context next_root();
  span_id next_span();

private:
  enum class phase : uint8_t { named, open, closed };
  struct entry {
    span_context context;
    phase now = phase::named;
  };

  entry& put(const sample_identity& request, const trace_parent* parent);

  std::mutex mutex_; // guards the rest
  span_ids ids_;
  bounded_table<sample_identity, entry, sample_identity_hash> entries_{capacity};
};

} // namespace actord
