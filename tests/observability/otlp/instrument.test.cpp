#include "observability/otlp/instrument.hpp"

#include "observability/metric_table.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

using namespace actord;
using namespace actord::otlp;

namespace {

/// How OpenTelemetry's Prometheus exporter spells a unit; {…} goes without.
std::string unit_word(std::string_view unit) {
  const std::map<std::string_view, std::string> words
    = {{"s", "seconds"}, {"ms", "milliseconds"},    {"By", "bytes"},
       {"%", "percent"}, {"GB/s", "GB_per_second"}, {"{chunks}", ""}};
  auto found = words.find(unit);
  return found == words.end() ? std::string(unit) : found->second;
}

/// The family that a receiver makes of an instrument.
std::string family_of(const instrument& what, metric_kind kind) {
  std::string result;
  for (auto symbol : what.name)
    result += symbol == '.' ? '_' : symbol;
  if (kind == metric_kind::counter && result.ends_with("_total"))
    result.resize(result.size() - 6);
  auto word = unit_word(what.unit);
  if (!word.empty() && !result.ends_with("_" + word))
    result += "_" + word;
  return kind == metric_kind::counter ? result + "_total" : result;
}

} // namespace

TEST_CASE("every pushed instrument becomes the family that is pulled") {
  std::set<std::pair<std::string_view, std::string>> names;
  for (const auto& row : metric_table()) {
    if (!is_pushed(row))
      continue;
    auto own = instrument_of(row);
    CHECK(family_of(own, row.kind) == row.family);
    CHECK(names.emplace(own.scope, own.name).second);
    CHECK_FALSE(own.scope.empty());
    for (auto alias : row.aliases) {
      auto other = alias_instrument(row, alias);
      CHECK(family_of(other, row.kind) == alias);
      CHECK(names.emplace(other.scope, other.name).second);
    }
  }
}

TEST_CASE("instruments have the names, units and scopes of LMCache 0.5.6") {
  struct known {
    metric id;
    std::string_view name, unit, scope;
  };
  const known cases[] = {
    {metric::l1_read, "lmcache_mp.l1_read", "chunks", "lmcache.l1"},
    {metric::l1_eviction_loop_ticks, "lmcache_mp.l1_eviction_loop_ticks", "", "lmcache.l1"},
    {metric::l1_chunk_evict_reuse_gap, "lmcache_mp.l1_chunk_evict_reuse_gap", "s", "lmcache.l1"},
    {metric::timeouts, "lmcache_mp.timeouts", "", "lmcache_mp.health"},
    {metric::real_reuse_gap_objects, "lmcache_mp.real_reuse_gap_objects", "{chunks}", "lmcache.sm"},
    {metric::l2_store_completed_objects, "lmcache_mp.l2_store_completed_objects", "chunks",
     "lmcache.l2"},
    {metric::l2_store_completed, "lmcache_mp.l2_store_completed", "requests", "lmcache.l2"},
    {metric::num_inflight_l2_loads, "lmcache_mp.num_inflight_l2_loads", "", "lmcache.l2_prefetch"},
    {metric::l1_memory_usage_bytes, "lmcache_mp.l1_memory_usage_bytes", "", "lmcache.l1_manager"},
    {metric::lookup_requested, "lmcache_mp.lookup_requested", "tokens", "lmcache.lookup"},
    {metric::lookup_hit_l1_keys, "lmcache_mp.lookup_hit_l1_keys", "keys", "lmcache.lookup"},
    {metric::lookups, "lmcache_mp.lookups", "requests", "lmcache.lookup"},
    {metric::l0_block_lifetime, "lmcache_mp.l0_block_lifetime", "s", "lmcache.l0"},
    {metric::l2_load_throughput, "lmcache_mp.l2_load_throughput", "GB/s", "lmcache_mp.perf"},
    {metric::transfer_phase_bytes, "lmcache_mp.transfer_phase_bytes", "By", "lmcache_mp.perf"},
    {metric::transfer_phase_elapsed, "lmcache_mp.transfer_phase_elapsed", "s", "lmcache_mp.perf"},
    {metric::num_finished_stores, "lmcache_mp.num_finished_stores", "", "lmcache_mp.transfer"},
    {metric::num_chunks_loaded, "lmcache_mp.num_chunks_loaded", "", "lmcache_mp.engine"},
    {metric::active_prefetch_jobs, "lmcache_mp.active_prefetch_jobs", "", "lmcache.mp_server"},
    {metric::kv_events_log_depth, "lmcache_mp.kv_events.log_depth", "", "lmcache.kv_events"},
    {metric::event_bus_drain_lag_seconds, "lmcache_mp.event_bus.drain_lag_seconds", "",
     "lmcache.event_bus"},
    {metric::event_bus_dropped_events, "lmcache_mp.event_bus.dropped_events_total", "",
     "lmcache.event_bus"},
    {metric::blend_retrieve_duration, "lmcache_blend.retrieve_duration", "ms", "lmcache.blend"},
    {metric::blend_lookup_requests, "lmcache_blend.lookup_requests", "", "lmcache.blend"},
    {metric::blend_scatter_tokens, "lmcache_blend.scatter_tokens", "tokens", "lmcache.blend"},
    {metric::sm_read_requests, "lmcache_mp.sm_read_requests", "", "lmcache_actord"},
  };
  for (const auto& [id, name, unit, scope] : cases) {
    auto made = instrument_of(info(id));
    CHECK(made.name == name);
    CHECK(made.unit == unit);
    CHECK(made.scope == scope);
  }
}
