#include "observability/tracing/timeout_spans.hpp"

namespace actord {

timeout_spans::timeout_spans(std::shared_ptr<span_registry> spans)
  : span_maker("TimeoutTracingSubscriber", {event_type::timeout_raised}, std::move(spans)) {
}

void timeout_spans::handle(const event& what) {
  const auto& of = std::get<timeout_details>(what.details);
  auto span = spans_->make(what.session_id, "timeout", "lmcache_mp.timeout", what.time_s,
                           spans_->parent_of(what.session_id, {"request"}));
  span.failure = span_failure{span.start_ns, of.exception_type.substr(0, span_text_limit),
                              of.message.substr(0, span_text_limit),
                              of.stacktrace.substr(0, span_stack_limit)};
  spans_->add(what.session_id, std::move(span));
}

} // namespace actord
