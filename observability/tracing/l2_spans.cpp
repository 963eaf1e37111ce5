#include "observability/tracing/l2_spans.hpp"

#include <string>

namespace actord {

namespace {

constexpr std::string_view scope = "lmcache_mp.l2";
constexpr std::string_view load = "l2.load", store = "l2.store";

// Tasks are numbered over all adapters and requests.
span_key key_of(const l2_details& of, std::string_view session, std::string_view name) {
  return {session, name, static_cast<uint64_t>(of.task_id.value_or(0))};
}

span_failure failure_at(int64_t time_ns, const std::string& what) {
  return {time_ns, "L2Error", what, {}};
}

} // namespace

l2_spans::l2_spans(std::shared_ptr<span_registry> spans)
  : span_maker("L2TracingSubscriber",
               {event_type::l2_prefetch_lookup_completed, event_type::l2_load_task_submitted,
                event_type::l2_load_task_completed, event_type::l2_store_submitted,
                event_type::l2_store_completed},
               std::move(spans)) {
}

void l2_spans::handle(const event& what) {
  using enum event_type;
  switch (what.type) {
    case l2_prefetch_lookup_completed: looked_up(what); break;
    case l2_load_task_submitted: begin(what, load); break;
    case l2_load_task_completed: end(what, load); break;
    case l2_store_submitted: begin(what, store); break;
    case l2_store_completed: end(what, store); break;
    default: break;
  }
}

std::optional<span_context> l2_spans::parent_of(const l2_details& of) {
  return spans_->parent_of(of.external_request_id, {"mp.lookup_prefetch", "request"});
}

void l2_spans::looked_up(const event& what) {
  const auto& of = std::get<l2_details>(what.details);
  const auto parent = parent_of(of);
  for (const auto& each : of.answers) {
    const std::string_view session = parent ? std::string_view{of.external_request_id} : "";
    auto span = spans_->make(session, "l2.lookup", scope, each.start_s, parent);
    span.end_ns = std::max(span.start_ns, to_span_ns(each.end_s));
    span.set("adapter_index", each.adapter_index);
    span.set("l2_name", std::string_view{each.l2_name});
    span.set("found_count", each.found);
    if (!each.answered)
      span.failure = failure_at(span.end_ns, each.l2_name + " did not answer in time");
    spans_->add(session, std::move(span));
  }
}

void l2_spans::begin(const event& what, std::string_view name) {
  const auto& of = std::get<l2_details>(what.details);
  const auto parent = parent_of(of);
  const std::string_view session = parent ? std::string_view{of.external_request_id} : "";
  auto& span = spans_->open(key_of(of, session, name), scope, what.time_s, parent).record;
  span.set("adapter_index", of.adapter_index.value_or(0));
  span.set("task_id", of.task_id.value_or(0));
  span.set("l2_name", std::string_view{of.l2_name});
  span.set("key_count", of.key_count);
  span.set("total_bytes", of.bytes.value_or(0));
}

void l2_spans::end(const event& what, std::string_view name) {
  const auto& of = std::get<l2_details>(what.details);
  auto key = key_of(of, of.external_request_id, name);
  auto* span = spans_->find(key);
  if (!span && !key.session.empty()) { // it began when no root was open
    key.session = {};
    span = spans_->find(key);
  }
  if (!span)
    return;
  span->record.set("succeeded_count", of.succeeded);
  span->record.set("failed_count", of.failed);
  if (of.failed > 0)
    span->record.failure = failure_at(
      to_span_ns(what.time_s), of.l2_name + ": " + std::to_string(of.failed) + " objects failed");
  spans_->close(key, what.time_s);
}

} // namespace actord
