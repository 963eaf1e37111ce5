#include "observability/tracing/blend_spans.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>

namespace actord {

namespace {

constexpr std::string_view scope = "lmcache_mp.blend", request = "cb.request";

/// A step that has a START and an END, and where it looks for its parent.
struct step_info {
  event_type start, end;
  std::string_view name, parent;
};

constexpr std::array steps = {
  step_info{event_type::cb_lookup_start, event_type::cb_lookup_end, "cb.lookup", request},
  step_info{event_type::cb_prefix_lookup_start, event_type::cb_prefix_lookup_end,
            "cb.prefix_lookup", "cb.lookup"},
  step_info{event_type::cb_fingerprint_match_start, event_type::cb_fingerprint_match_end,
            "cb.fingerprint_match", "cb.lookup"},
  step_info{event_type::cb_coordinator_match_start, event_type::cb_coordinator_match_end,
            "cb.coordinator_match", "cb.lookup"},
  step_info{event_type::cb_sparse_prefetch_start, event_type::cb_sparse_prefetch_end,
            "cb.sparse_prefetch", "cb.lookup"},
  step_info{event_type::cb_retrieve_start, event_type::cb_retrieve_end, "cb.retrieve", request},
  step_info{event_type::cb_scatter_start, event_type::cb_scatter_end, "cb.scatter", "cb.retrieve"},
};

struct number_field {
  std::string_view key;
  int64_t blend_details::*value;
};
using of = blend_details;

constexpr std::array lookup_fields = {
  number_field{"num_tokens", &of::num_tokens},
  number_field{"fingerprint_hits", &of::fingerprint_hits},
  number_field{"prefix_hits", &of::prefix_hits},
  number_field{"prefix_chunks", &of::prefix_chunks},
  number_field{"storage_hits", &of::storage_hits},
  number_field{"stale_chunks", &of::stale_chunks},
  number_field{"prefix_hit_tokens", &of::prefix_hit_tokens},
  number_field{"segmented_prefix_hit_tokens", &of::segmented_prefix_hit_tokens},
  number_field{"non_prefix_hit_tokens", &of::non_prefix_hit_tokens},
  number_field{"hit_tokens", &of::hit_tokens},
  number_field{"requested_tokens", &of::requested_tokens},
};
constexpr std::array scatter_fields = {
  number_field{"scattered_tokens", &of::scattered_tokens},
  number_field{"n_prefix", &of::prefix_scattered},
  number_field{"n_shifted", &of::shifted},
  number_field{"dropped", &of::dropped},
};
constexpr std::array sparse_start_fields = {
  number_field{"n_chunks", &of::num_chunks},
  number_field{"n_keys", &of::keys},
  number_field{"l2_keys", &of::l2_keys},
};
constexpr std::array sparse_end_fields = {
  number_field{"found_keys", &of::found_keys},
  number_field{"l2_keys", &of::l2_keys},
};
constexpr std::array tokens_fields = {number_field{"num_tokens", &of::num_tokens}};
constexpr std::array prefix_fields = {number_field{"prefix_chunks", &of::prefix_chunks}};
constexpr std::array matches_fields = {number_field{"matches", &of::matches}};
constexpr std::array chunks_fields = {number_field{"num_chunks", &of::num_chunks}};
constexpr std::array noop_fields = {number_field{"dropped_matches", &of::dropped}};
constexpr std::array registered_fields = {
  number_field{"num_chunks", &of::num_chunks},
  number_field{"num_tokens", &of::num_tokens},
};

std::span<const number_field> fields_of(event_type type, const blend_details& details) {
  using enum event_type;
  switch (type) {
    case cb_lookup_start: return tokens_fields;
    case cb_lookup_end: return lookup_fields;
    case cb_prefix_lookup_end: return prefix_fields;
    case cb_fingerprint_match_end:
    case cb_coordinator_match_end: return matches_fields;
    case cb_sparse_prefetch_start: return sparse_start_fields;
    case cb_sparse_prefetch_end:
      return details.l2_keys > 0 ? std::span<const number_field>{sparse_end_fields}
                                 : std::span<const number_field>{};
    case cb_retrieve_start:
    case cb_chunks_evicted: return chunks_fields;
    case cb_scatter_start: return scatter_fields;
    case cb_retrieve_noop: return noop_fields;
    case cb_fingerprints_registered: return registered_fields;
    default: return {};
  }
}

void put_text(span_record& to, std::string_view key, std::string_view text) {
  to.set(key, text);
}

/// Every detail as text: booleans as their path spells them (spec observability §5.2).
void put_details(span_record& to, event_type type, const blend_details& details) {
  using enum event_type;
  for (const auto& [key, value] : fields_of(type, details))
    put_text(to, key, std::to_string(details.*value));
  if (type == cb_lookup_end)
    put_text(to, "no_gpu_context", details.no_gpu_context ? "True" : "False");
  if (type == cb_coordinator_match_end)
    put_text(to, "timed_out", details.timed_out ? "True" : "False");
  if (type == cb_retrieve_end || type == cb_scatter_end)
    put_text(to, "success", details.success ? "1" : "0");
  if (type == cb_retrieve_start)
    put_text(to, "model_name", details.model_name);
  if (type == cb_retrieve_start || type == cb_retrieve_end || type == cb_scatter_start
      || type == cb_scatter_end)
    put_text(to, "worker_id", details.worker_id ? std::to_string(*details.worker_id) : "None");
  if (type == cb_retrieve_noop)
    put_text(to, "reason", details.reason);
}

void put_hits(span_record& root, const blend_details& details) {
  const auto whole = details.requested_tokens;
  auto rate = [&](std::string_view key, int64_t part) {
    root.set(key, whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0);
  };
  root.set("hit_tokens", details.hit_tokens);
  root.set("requested_tokens", details.requested_tokens);
  rate("hit_rate", details.hit_tokens);
  root.set("prefix_hits", details.prefix_hits);
  root.set("prefix_hit_tokens", details.prefix_hit_tokens);
  root.set("segmented_prefix_hit_tokens", details.segmented_prefix_hit_tokens);
  root.set("non_prefix_hit_tokens", details.non_prefix_hit_tokens);
  rate("prefix_hit_rate", details.prefix_hit_tokens);
  rate("segmented_prefix_hit_rate", details.segmented_prefix_hit_tokens);
  rate("non_prefix_hit_rate", details.non_prefix_hit_tokens);
}

const blend_details& details_of(const event& what) {
  static const blend_details none;
  const auto* told = std::get_if<blend_details>(&what.details);
  return told ? *told : none;
}

span_key key_of(const event& what, const step_info& step) {
  return {what.session_id, step.name,
          static_cast<uint64_t>(details_of(what).worker_id.value_or(-1) + 1)};
}

event_mask all_events() {
  using enum event_type;
  event_mask result{cb_request_start,           cb_request_end,
                    cb_retrieve_submitted,      cb_retrieve_noop,
                    cb_fingerprints_registered, cb_chunks_evicted};
  for (const auto& step : steps)
    result |= {step.start, step.end};
  return result;
}

} // namespace

blend_spans::blend_spans(std::shared_ptr<span_registry> spans)
  : span_maker("BlendTracingSubscriber", all_events(), std::move(spans)) {
}

void blend_spans::handle(const event& what) {
  using enum event_type;
  switch (what.type) {
    case cb_request_start: return begin_request(what);
    case cb_request_end: return end_request(what);
    case cb_retrieve_submitted:
      if (auto* root = spans_->find({what.session_id, request}))
        ++root->copies[0];
      return;
    case cb_retrieve_noop: return tell_moment(what, "cb.retrieve.noop");
    case cb_fingerprints_registered: return tell_moment(what, "cb.fingerprints.registered");
    case cb_chunks_evicted: return tell_moment(what, "cb.chunks.evicted");
    default: break;
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].start == what.type)
      begin_step(what, i);
    else if (steps[i].end == what.type)
      end_step(what, i);
  }
}

void blend_spans::begin_request(const event& what) {
  if (!spans_->find({what.session_id, request})) // the first one counts
    spans_->open_root({what.session_id, request}, scope, what.time_s);
}

void blend_spans::end_request(const event& what) {
  if (auto* root = spans_->find({what.session_id, request})) {
    root->ended_s = what.time_s;
    close_if_over(what);
  }
}

// Unlike `request`, it ends with its last retrieve.
void blend_spans::close_if_over(const event& what) {
  const auto* root = spans_->find({what.session_id, request});
  if (root && root->ended_s && root->copies[0] == 0)
    spans_->close({what.session_id, request}, what.time_s);
}

void blend_spans::begin_step(const event& what, size_t step) {
  const auto key = key_of(what, steps[step]);
  // The same worker's, where workers go side by side.
  const auto* own = spans_->find({what.session_id, steps[step].parent, key.sequence});
  const auto parent = own ? std::optional{own->record.context()}
                          : spans_->parent_of(what.session_id, {steps[step].parent, request});
  auto& span = spans_->open(key, scope, what.time_s, parent);
  put_details(span.record, what.type, details_of(what));
}

void blend_spans::end_step(const event& what, size_t step) {
  using enum event_type;
  const auto& details = details_of(what);
  const auto key = key_of(what, steps[step]);
  if (auto* span = spans_->find(key)) {
    put_details(span->record, what.type, details);
    if ((what.type == cb_retrieve_end || what.type == cb_scatter_end) && !details.success)
      span->record.failure = span_failure{
        to_span_ns(what.time_s), "BlendError", std::string{steps[step].name} + " failed", {}};
    spans_->close(key, what.time_s);
  }
  auto* root = spans_->find({what.session_id, request});
  if (!root)
    return;
  if (what.type == cb_lookup_end)
    put_hits(root->record, details);
  if (what.type == cb_retrieve_end) {
    if (root->copies[0] > 0)
      --root->copies[0];
    close_if_over(what);
  }
}

void blend_spans::tell_moment(const event& what, std::string_view name) {
  auto span = spans_->make(what.session_id, name, scope, what.time_s,
                           spans_->parent_of(what.session_id, {request}));
  put_details(span, what.type, details_of(what));
  spans_->add(what.session_id, std::move(span));
}

} // namespace actord
