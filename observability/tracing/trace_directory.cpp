#include "observability/tracing/trace_directory.hpp"

#include <bit>

namespace actord {

namespace {

sample_identity identity_of(std::string_view request) {
  return bytes_identity(request.substr(0, request_name_limit));
}

} // namespace

span_ids::span_ids(const std::array<uint64_t, 4>& seed) : state_(seed) {
  if ((seed[0] | seed[1] | seed[2] | seed[3]) == 0)
    state_[0] = 0x9E3779B97F4A7C15; // the one seed that the generator cannot take
}

uint64_t span_ids::next() {
  auto& s = state_;
  const auto result = std::rotl(s[0] + s[3], 23) + s[0];
  const auto shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = std::rotl(s[3], 45);
  return result;
}

trace_id span_ids::next_trace() {
  const auto high = next();
  return {high, next_span()};
}

span_id span_ids::next_span() {
  for (;;)
    if (const auto id = next(); id != 0)
      return id;
}

trace_directory::trace_directory(const std::array<uint64_t, 4>& seed) : ids_(seed) {
}

trace_directory::entry&
trace_directory::put(const sample_identity& request, const trace_parent* parent) {
  const auto trace = parent ? parent->trace : ids_.next_trace();
  entries_.put(request, {{trace, ids_.next_span()}, phase::named});
  return *entries_.find(request);
}

span_context trace_directory::context_of(std::string_view request) {
  const auto name = identity_of(request);
  std::lock_guard lock{mutex_};
  auto* known = entries_.find(name);
  return (known ? *known : put(name, nullptr)).context;
}

std::optional<span_context> trace_directory::find(std::string_view request) {
  const auto name = identity_of(request);
  std::lock_guard lock{mutex_};
  auto* known = entries_.find(name);
  return known ? std::optional{known->context} : std::nullopt;
}

void trace_directory::join(std::string_view request, const trace_parent& parent) {
  const auto name = identity_of(request);
  std::lock_guard lock{mutex_};
  auto* known = entries_.find(name);
  if (!known || known->context.trace != parent.trace)
    put(name, &parent);
}

span_context trace_directory::begin_root(std::string_view request, const trace_parent* parent) {
  const auto name = identity_of(request);
  std::lock_guard lock{mutex_};
  auto* known = entries_.find(name);
  const bool fits
    = known && known->now != phase::closed && (!parent || known->context.trace == parent->trace);
  auto& chosen = fits ? *known : put(name, parent);
  if (chosen.now == phase::open) // a second root beside the first, of another kind
    return {chosen.context.trace, ids_.next_span()};
  chosen.now = phase::open;
  return chosen.context;
}

std::optional<span_context> trace_directory::closed_root(std::string_view request) {
  const auto name = identity_of(request);
  std::lock_guard lock{mutex_};
  auto* known = entries_.find(name);
  return known && known->now == phase::closed ? std::optional{known->context} : std::nullopt;
}

span_context trace_directory::next_root() {
  std::lock_guard lock{mutex_};
  return {ids_.next_trace(), ids_.next_span()};
}

span_id trace_directory::next_span() {
  std::lock_guard lock{mutex_};
  return ids_.next_span();
}

void trace_directory::end_root(std::string_view request) {
  const auto name = identity_of(request);
  std::lock_guard lock{mutex_};
  if (auto* known = entries_.find(name))
    known->now = phase::closed;
}

} // namespace actord
