#include "observability/otlp/instrument.hpp"

#include <array>
#include <utility>

namespace actord::otlp {

namespace {

struct prefix {
  std::string_view family, name;
};

/// Where a family's name has an underscore and the instrument's a dot; the longest first.
constexpr std::array prefixes = {
  prefix{"lmcache_mp_event_bus_", "lmcache_mp.event_bus."},
  prefix{"lmcache_mp_kv_events_", "lmcache_mp.kv_events."},
  prefix{"lmcache_coordinator_key_directory_", "lmcache_coordinator.key_directory."},
  prefix{"lmcache_mp_", "lmcache_mp."},
  prefix{"lmcache_blend_", "lmcache_blend."},
  prefix{"lmcache_otlp_", "lmcache_otlp."},
  prefix{"lmcache_", "lmcache."},
  prefix{"gen_ai_server_kv_cache_", "gen_ai.server.kv_cache."},
  prefix{"gen_ai_server_requests_", "gen_ai.server.requests."},
  prefix{"gen_ai_", "gen_ai."},
};

struct unit_suffix {
  std::string_view suffix, unit;
};

constexpr std::array histogram_units = {
  unit_suffix{"_GB_per_second", "GB/s"},
  unit_suffix{"_milliseconds", "ms"},
  unit_suffix{"_seconds", "s"},
};

constexpr std::array counter_units = {
  unit_suffix{"_chunks", "chunks"},
  unit_suffix{"_requests", "requests"},
  unit_suffix{"_tokens", "tokens"},
  unit_suffix{"_seconds", "s"},
};

/// A scope reaches from its first metric to the next scope's.
constexpr std::array<std::pair<metric, std::string_view>, 16> scopes = {{
  {metric::l1_read, "lmcache.l1"},
  {metric::l1_allocation_failure, "lmcache_mp.health"},
  {metric::real_reuse_gap, "lmcache.sm"},
  {metric::l2_store_submitted, "lmcache.l2"},
  {metric::num_inflight_l2_stores, "lmcache.l2_store"},
  {metric::num_inflight_l2_loads, "lmcache.l2_prefetch"},
  {metric::l1_memory_usage_bytes, "lmcache.l1_manager"},
  {metric::lookup_requested, "lmcache.lookup"},
  {metric::l0_block_lifetime, "lmcache.l0"},
  {metric::l0_l1_store_throughput, "lmcache_mp.perf"},
  {metric::num_submitted_stores, "lmcache_mp.transfer"},
  {metric::num_chunks_loaded, "lmcache_mp.engine"},
  {metric::active_prefetch_jobs, "lmcache.mp_server"},
  {metric::kv_events_log_depth, "lmcache.kv_events"},
  {metric::event_bus_queue_depth, "lmcache.event_bus"},
  {metric::blend_lookup_duration, "lmcache.blend"},
}};

constexpr std::string_view own_scope = "lmcache_actord", model_server_scope = "gen_ai.server";

std::string_view scope_of(const metric_info& row) {
  // What 0.5.6 does not know stands among its metrics, but in no scope of theirs.
  if (row.family.starts_with("gen_ai_"))
    return model_server_scope;
  std::string_view result = own_scope;
  if (row.origin != metric_origin::v056)
    return result;
  for (const auto& [first, name] : scopes)
    if (first <= row.id)
      result = name;
  return result;
}

/// The family without `_total`, dots in their places.
std::string dotted(std::string_view family, metric_kind kind) {
  if (kind == metric_kind::counter && family.ends_with("_total"))
    family.remove_suffix(6);
  for (const auto& [from, to] : prefixes)
    if (family.starts_with(from))
      return std::string(to).append(family.substr(from.size()));
  return std::string(family);
}

bool is_blend(const metric_info& row) {
  return row.family.starts_with("lmcache_blend_");
}

/// Takes the unit's word off the end of the name, where 0.5.6 leaves it to the receiver to add it.
template <size_t Size>
void split_unit(instrument& result, const std::array<unit_suffix, Size>& units) {
  for (const auto& [suffix, unit] : units)
    if (result.name.ends_with(suffix)) {
      result.unit = unit;
      result.name.resize(result.name.size() - suffix.size());
      return;
    }
}

void name_counter(instrument& result, const metric_info& row) {
  if (row.id == metric::event_bus_dropped_events) {
    result.name += "_total";
  } else if (row.id == metric::transfer_phase_bytes) {
    result.unit = "By";
  } else if (row.id == metric::lookup_hit_l1_keys || row.id == metric::lookup_hit_l2_keys) {
    result.unit = "keys";
  } else if (is_blend(row)) {
    if (result.name.ends_with("_tokens"))
      result.unit = "tokens";
  } else if (row.origin != metric_origin::seed) {
    split_unit(result, counter_units);
  }
}

} // namespace

bool is_pushed(const metric_info& row) {
  return row.id != metric::gen_ai_requests_untyped;
}

instrument instrument_of(const metric_info& row) {
  instrument result{dotted(row.family, row.kind), {}, scope_of(row)};
  switch (row.kind) {
    case metric_kind::counter: name_counter(result, row); break;
    case metric_kind::gauge:
      if (row.family.starts_with("gen_ai_") && result.name.ends_with("_percent")) {
        result.name.resize(result.name.size() - 8);
        result.unit = "%";
      }
      break;
    case metric_kind::histogram:
      if (row.id == metric::real_reuse_gap_objects)
        result.unit = "{chunks}";
      else
        split_unit(result, histogram_units);
      break;
  }
  return result;
}

instrument alias_instrument(const metric_info& row, std::string_view alias) {
  return {dotted(alias, row.kind), {}, own_scope};
}

} // namespace actord::otlp
