#include "observability/tracing/request_spans.hpp"

#include <algorithm>
#include <functional>
#include <string>

namespace actord {

namespace {

constexpr std::string_view scope = "lmcache_mp.server";
constexpr std::string_view request = "request", lookup = "mp.lookup_prefetch";
constexpr std::string_view store = "mp.store", retrieve = "mp.retrieve";
constexpr size_t stores = 0, retrieves = 1; // of open_span::copies

// Children say numbers as text, as their namesakes in 0.5.6 do (spec observability §5.2).
void put_text(span_record& to, std::string_view key, uint64_t number) {
  to.set(key, std::string_view{std::to_string(number)});
}

void put_names(span_record& to, const transfer_name& of) {
  to.set("device", std::string_view{of.device});
  if (of.engine_id)
    to.set("engine_id", std::string_view{std::to_string(*of.engine_id)});
  to.set("model_name", std::string_view{of.model_name});
  to.set("transfer_key", std::string_view{of.transfer_key});
}

void put_outcome(span_record& to, const transfer_details& of, bool is_store) {
  put_text(to, is_store ? "stored_count" : "retrieved_count", of.chunks);
  if (!is_store)
    to.set("cache_salt", std::string_view{of.what->cache_salt});
  put_text(to, "total_bytes", of.total_bytes);
  to.set("lmcache.total_bytes", static_cast<int64_t>(of.total_bytes));
  if (of.tokens) {
    put_text(to, "num_tokens", *of.tokens);
    to.set("lmcache.num_tokens", static_cast<int64_t>(*of.tokens));
  }
  to.set("success", std::string_view{of.success ? "1" : "0"}); // a device event's spelling
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

void put_hits(span_record& to, const lookup_result_details& of) {
  auto number
    = [&](std::string_view key, uint64_t value) { to.set(key, static_cast<int64_t>(value)); };
  number("hit_tokens", of.hit_tokens);
  number("requested_tokens", of.requested_tokens);
  to.set("hit_rate", share(of.hit_tokens, of.requested_tokens));
  number("l1_hit_tokens", of.l1_hit_tokens);
  number("l2_hit_tokens", of.l2_hit_tokens);
  to.set("l1_hit_rate", share(of.l1_hit_tokens, of.requested_tokens));
  to.set("l2_hit_rate", share(of.l2_hit_tokens, of.requested_tokens));
  number("l1_hit_keys", of.l1_hit_keys);
  number("l2_hit_keys", of.l2_hit_keys);
  to.set("early_exit_reason", std::string_view{of.early_exit_reason});
}

void put_text_hits(span_record& to, const lookup_result_details& of) {
  put_text(to, "found_count", of.found_chunks);
  put_text(to, "requested_tokens", of.requested_tokens);
  put_text(to, "hit_tokens", of.hit_tokens);
  put_text(to, "l1_hit_tokens", of.l1_hit_tokens);
  put_text(to, "l2_hit_tokens", of.l2_hit_tokens);
  put_text(to, "l1_hit_keys", of.l1_hit_keys);
  put_text(to, "l2_hit_keys", of.l2_hit_keys);
  to.set("early_exit_reason", std::string_view{of.early_exit_reason});
  to.set("model_name", std::string_view{of.model_name});
  to.set("cache_salt", std::string_view{of.cache_salt});
}

const trace_parent* parent_of(const event& what) {
  if (const auto* asked = std::get_if<request_details>(&what.details))
    return asked->parent.get();
  if (const auto* copy = std::get_if<transfer_details>(&what.details))
    return copy->what->parent.get();
  return nullptr;
}

} // namespace

uint64_t copy_sequence(const transfer_name& of) {
  return std::hash<std::string_view>{}(of.transfer_key.empty() ? of.device : of.transfer_key);
}

request_spans::request_spans(std::shared_ptr<span_registry> spans)
  : span_maker("MPServerTracingSubscriber",
               {event_type::mp_request_start, event_type::mp_lookup_prefetch_start,
                event_type::mp_lookup_prefetch_end, event_type::mp_store_submitted,
                event_type::mp_store_start, event_type::mp_store_end,
                event_type::mp_retrieve_submitted, event_type::mp_retrieve_start,
                event_type::mp_retrieve_end, event_type::mp_request_end},
               std::move(spans)) {
}

void request_spans::handle(const event& what) {
  using enum event_type;
  switch (what.type) {
    case mp_request_start: begin_request(what); break;
    case mp_lookup_prefetch_start: begin_lookup(what); break;
    case mp_lookup_prefetch_end: end_lookup(what); break;
    case mp_store_submitted: submit(what, stores); break;
    case mp_store_start: begin_copy(what, store); break;
    case mp_store_end: end_copy(what, store, stores); break;
    case mp_retrieve_submitted: submit(what, retrieves); break;
    case mp_retrieve_start: begin_copy(what, retrieve); break;
    case mp_retrieve_end: end_copy(what, retrieve, retrieves); break;
    case mp_request_end: end_request(what); break;
    default: break;
  }
}

/// The open root of the event's session, opened now when it is not; null for a session whose root
/// is over: what comes late is its child all the same.
open_span* request_spans::root_of(const event& what) {
  if (auto* known = spans_->find({what.session_id, request}))
    return known;
  if (spans_->directory().closed_root(what.session_id))
    return nullptr;
  return &spans_->open_root({what.session_id, request}, scope, what.time_s, parent_of(what));
}

void request_spans::begin_request(const event& what) {
  if (auto* known = spans_->find({what.session_id, request}))
    known->ended_s.reset(); // the same request again: an engine may ask twice
  else
    spans_->open_root({what.session_id, request}, scope, what.time_s, parent_of(what));
}

void request_spans::begin_lookup(const event& what) {
  root_of(what);
  const auto parent = spans_->parent_of(what.session_id, {request});
  spans_->open({what.session_id, lookup}, scope, what.time_s,
               parent ? parent : spans_->directory().closed_root(what.session_id));
}

void request_spans::end_lookup(const event& what) {
  const auto& result = std::get<lookup_result_details>(what.details);
  if (auto* child = spans_->find({what.session_id, lookup})) {
    put_text_hits(child->record, result);
    spans_->close({what.session_id, lookup}, what.time_s);
  }
  if (auto* root = spans_->find({what.session_id, request}))
    put_hits(root->record, result);
  if (result.requested_tokens > 0 && result.hit_tokens == 0)
    spans_->keep(what.session_id); // spec observability §10.2, T4
  close_if_over(what);
}

void request_spans::submit(const event& what, size_t kind) {
  if (auto* root = root_of(what))
    ++root->copies[kind];
}

void request_spans::begin_copy(const event& what, std::string_view name) {
  const auto& of = *std::get<transfer_details>(what.details).what;
  root_of(what);
  const auto open = spans_->parent_of(what.session_id, {request});
  auto& child = spans_->open({what.session_id, name, copy_sequence(of)}, scope, what.time_s,
                             open ? open : spans_->directory().closed_root(what.session_id));
  put_names(child.record, of);
}

void request_spans::end_copy(const event& what, std::string_view name, size_t kind) {
  const auto& details = std::get<transfer_details>(what.details);
  const span_key key{what.session_id, name, copy_sequence(*details.what)};
  auto* child = spans_->find(key);
  if (!child && !details.success) { // it failed before it began
    begin_copy(what, name);
    child = spans_->find(key);
  }
  if (child) {
    put_names(child->record, *details.what);
    put_outcome(child->record, details, kind == stores);
    if (!details.success)
      child->record.failure = span_failure{
        to_span_ns(what.time_s), "TransferError", details.failure.substr(0, span_text_limit), {}};
    spans_->close(key, what.time_s);
  }
  if (auto* root = spans_->find({what.session_id, request}); root && root->copies[kind] > 0)
    --root->copies[kind];
  close_if_over(what);
}

void request_spans::end_request(const event& what) {
  if (auto* root = spans_->find({what.session_id, request})) {
    root->ended_s = what.time_s;
    close_if_over(what);
  }
}

void request_spans::close_if_over(const event& what) {
  auto* root = spans_->find({what.session_id, request});
  if (!root || !root->ended_s || root->copies != std::array<uint32_t, 2>{})
    return;
  const auto ended_s = *root->ended_s;
  if (what.type != event_type::mp_request_end)
    root->record.set("deferred_close_ms", std::max(0.0, what.time_s - ended_s) * 1e3);
  spans_->close({what.session_id, request}, ended_s);
}

} // namespace actord
