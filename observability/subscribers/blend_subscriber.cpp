#include "observability/subscribers/blend_subscriber.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace actord {

namespace {

struct phase {
  event_type start, end;
  metric duration;
};

constexpr std::array<phase, 7> phases{{
  {event_type::cb_lookup_start, event_type::cb_lookup_end, metric::blend_lookup_duration},
  {event_type::cb_fingerprint_match_start, event_type::cb_fingerprint_match_end,
   metric::blend_fingerprint_match_duration},
  {event_type::cb_prefix_lookup_start, event_type::cb_prefix_lookup_end,
   metric::blend_prefix_lookup_duration},
  {event_type::cb_coordinator_match_start, event_type::cb_coordinator_match_end,
   metric::blend_coordinator_match_duration},
  {event_type::cb_sparse_prefetch_start, event_type::cb_sparse_prefetch_end,
   metric::blend_sparse_prefetch_duration},
  {event_type::cb_retrieve_start, event_type::cb_retrieve_end, metric::blend_retrieve_duration},
  {event_type::cb_scatter_start, event_type::cb_scatter_end, metric::blend_scatter_duration},
}};

event_mask everything_counted() {
  event_mask result{event_type::cb_retrieve_noop, event_type::cb_fingerprints_registered,
                    event_type::cb_chunks_evicted};
  for (const auto& each : phases)
    result |= {each.start, each.end};
  return result;
}

} // namespace

blend_subscriber::blend_subscriber(std::shared_ptr<metric_registry> registry)
  : metric_subscriber("BlendMetricsSubscriber", everything_counted(), std::move(registry)) {
}

void blend_subscriber::count(metric what, int64_t amount) {
  registry().counter(what).add(static_cast<double>(std::max<int64_t>(amount, 0)));
}

void blend_subscriber::time(const event& what, const blend_details& details) {
  for (uint32_t i = 0; i < phases.size(); ++i) {
    if (what.type == phases[i].start)
      phases_.start(i, what.session_id, details.worker_id, what.time_s);
    else if (what.type == phases[i].end)
      if (auto ms = phases_.end(i, what.session_id, details.worker_id, what.time_s))
        registry().histogram(phases[i].duration).observe(*ms);
  }
}

void blend_subscriber::count_lookup(const blend_details& details) {
  count(metric::blend_lookup_requested_tokens, details.requested_tokens);
  count(metric::blend_lookup_hit_tokens, details.hit_tokens);
  count(metric::blend_lookup_prefix_hit_tokens, details.prefix_hit_tokens);
  count(metric::blend_lookup_non_prefix_hit_tokens, details.non_prefix_hit_tokens);
  count(metric::blend_lookup_segmented_prefix_hit_tokens, details.segmented_prefix_hit_tokens);
  count(metric::blend_lookup_fingerprint_hits, details.fingerprint_hits);
  count(metric::blend_lookup_storage_hits, details.storage_hits);
  count(metric::blend_lookup_stale_chunks, details.stale_chunks);
  count(metric::blend_lookup_no_gpu_context_errors, details.no_gpu_context ? 1 : 0);
}

void blend_subscriber::count_scatter(const blend_details& details) {
  count(metric::blend_scatter_tokens, details.scattered_tokens);
  count(metric::blend_scatter_prefix_chunks, details.prefix_scattered);
  count(metric::blend_scatter_shifted_chunks, details.shifted);
  count(metric::blend_scatter_dropped_chunks, details.dropped);
}

void blend_subscriber::handle(const event& what) {
  const auto& details = std::get<blend_details>(what.details);
  time(what, details);
  switch (what.type) {
    case event_type::cb_lookup_start: return count(metric::blend_lookup_requests, 1);
    case event_type::cb_lookup_end: return count_lookup(details);
    case event_type::cb_fingerprint_match_end:
      return count(metric::blend_fingerprint_matches, details.matches);
    case event_type::cb_coordinator_match_end:
      count(metric::blend_coordinator_matches, details.matches);
      return count(metric::blend_coordinator_match_timeouts, details.timed_out ? 1 : 0);
    case event_type::cb_sparse_prefetch_start:
      return count(metric::blend_sparse_prefetch_l2_keys, details.l2_keys);
    case event_type::cb_sparse_prefetch_end:
      return count(metric::blend_sparse_prefetch_found_keys, details.found_keys);
    case event_type::cb_retrieve_start:
      count(metric::blend_retrieve_requests, 1);
      return count(metric::blend_retrieve_chunks, details.num_chunks);
    case event_type::cb_retrieve_end:
      return count(metric::blend_retrieve_failures, details.success ? 0 : 1);
    case event_type::cb_scatter_start: return count_scatter(details);
    case event_type::cb_retrieve_noop:
      registry().counter(metric::blend_retrieve_noops, {details.reason}).add();
      return;
    case event_type::cb_fingerprints_registered:
      return count(metric::blend_fingerprints_registered, details.num_chunks);
    case event_type::cb_chunks_evicted:
      return count(metric::blend_chunks_evicted, details.num_chunks);
    default: return;
  }
}

} // namespace actord
