"""The dashboard `LMCache`: the names of LMCache 0.5.6 (spec observability §9.2)."""

from panels import (GREEN_UP, INSTANCE, dashboard, mean, number, plot, quantile, rate, row, traces)

FULL = [("green", None), ("red", 0.9)]
SALT = INSTANCE + " {{cache_salt}}"
STAGING = '{phase="staging"}'


def failures(metric: str) -> str:
    return f"sum by (service_instance_id) ({rate(metric)}) or vector(0)"


def named(*metrics: tuple[str, str], legend: str = INSTANCE) -> list[tuple[str, str]]:
    """Rates of counters, each with a word for what it counts."""
    return [(rate(metric), f"{word} {legend}") for metric, word in metrics]


def system_health() -> tuple:
    return row(
        "System Health",
        plot("Failure Rates", "Chunks per second that found no memory in L1, could not be read "
             "from L1, or could not be brought from L2. All three stay near 0.",
             [(failures(f"lmcache_mp_{where}_failure_chunks_total"), f"{word} {INSTANCE}")
              for where, word in (("l1_allocation", "L1 allocation"), ("l1_read", "L1 read"),
                                  ("l2_prefetch", "L2 prefetch"))],
             unit="cps", width=8),
        plot("L1 Eviction Loop", "How often eviction looked at the fill of L1, and how often it "
             "found L1 above the trigger.",
             named(("lmcache_mp_l1_eviction_loop_ticks_total", "looks"),
                   ("lmcache_mp_l1_eviction_loop_triggered_total", "triggered")),
             unit="cps", width=8),
        plot("L1 Memory Usage", "Bytes of L1 in use and their share. Above 0.9 eviction does not "
             "keep up, or requests hold most of what is there.",
             [("lmcache_mp_l1_memory_usage_bytes", "bytes {{l1_tag}} " + INSTANCE),
              ("lmcache_mp_l1_usage_ratio", "share {{l1_tag}} " + INSTANCE)],
             unit="bytes", width=8, thresholds=FULL, units={"^share": "percentunit"}),
        number("L1 Usage", "Share of L1 in use, the fullest daemon.",
               "max(lmcache_mp_l1_usage_ratio)", unit="percentunit", thresholds=FULL),
        plot("L1 Cache Operations", "Chunks that were read from L1, written to it, and removed "
             "from it.",
             named(("lmcache_mp_l1_read_chunks_total", "read"),
                   ("lmcache_mp_l1_write_chunks_total", "written"),
                   ("lmcache_mp_l1_evicted_chunks_total", "evicted"), legend=SALT),
             unit="cps", width=18),
        plot("L2 Store Pipeline", "Store tasks and chunks handed to L2, and those that ended. "
             "Both pairs run together unless L2 falls behind or fails.",
             named(("lmcache_mp_l2_store_submitted_requests_total", "tasks submitted"),
                   ("lmcache_mp_l2_store_completed_requests_total", "tasks ended {{l2_name}}"),
                   ("lmcache_mp_l2_store_submitted_objects_chunks_total", "chunks submitted"),
                   ("lmcache_mp_l2_store_completed_objects_chunks_total", "chunks stored")),
             unit="cps"),
        plot("L2 Prefetch Pipeline", "From the lookup in L2 to chunks in L1.",
             [*named(("lmcache_mp_l2_prefetch_lookup_requests_total", "lookups"),
                     ("lmcache_mp_l2_prefetch_lookup_objects_chunks_total", "chunks looked up"),
                     ("lmcache_mp_l2_prefetch_load_submitted_requests_total", "loads"),
                     ("lmcache_mp_l2_prefetch_load_submitted_objects_chunks_total", "chunks asked"),
                     ("lmcache_mp_l2_prefetch_load_completed_chunks_total", "chunks loaded")),
              (f"sum({rate('lmcache_mp_l2_prefetch_failure_chunks_total')})", "chunks failed")],
             unit="cps"),
        plot("Inflight Operations", "What is under way at this moment.",
             [("lmcache_mp_num_inflight_l2_stores", "L2 stores {{l2_name}}"),
              ("lmcache_mp_num_inflight_l2_loads", "L2 loads {{l2_name}}"),
              ("lmcache_mp_active_prefetch_jobs", "lookups " + INSTANCE),
              ("lmcache_mp_inflight_load_memory_usage_bytes", "bytes reserved {{l2_name}}")],
             width=8, units={"^bytes": "bytes"}),
        plot("Event Bus", "Events that wait, how old the oldest is, and what was lost. Lost "
             "events make histograms and traces incomplete; counters are not affected.",
             [("lmcache_mp_event_bus_queue_depth", "waiting " + INSTANCE),
              ("lmcache_mp_event_bus_drain_lag_seconds", "lag " + INSTANCE),
              (rate("lmcache_mp_event_bus_dropped_events_total"), "dropped/s " + INSTANCE),
              (rate("lmcache_mp_event_bus_subscriber_exceptions_total"),
               "failed/s {{subscriber_name}}")],
             width=8, units={"^lag": "s"}),
        plot("Inflight GPU Copies", "Stores and retrieves that were started and have not ended.",
             [("lmcache_mp_num_submitted_stores_total - lmcache_mp_num_finished_stores_total",
               "stores {{device}}"),
              ("lmcache_mp_num_submitted_retrieves_total - lmcache_mp_num_finished_retrieves_total",
               "retrieves {{device}}")],
             width=8))


def performance() -> tuple:
    speed = "lmcache_mp_{}_throughput_GB_per_second"
    hit, asked = (f"sum by (service_instance_id, model_name) ({rate(counter)})" for counter in (
        "lmcache_mp_lookup_hit_tokens_total", "lmcache_mp_lookup_requested_tokens_total"))
    return row(
        "Performance",
        plot("L0 ↔ L1 Throughput", "Mean speed of copies between the engine's memory and L1.",
             [(mean(speed.format("l0_l1_store")), "store {{device}} {{model_name}}"),
              (mean(speed.format("l0_l1_load")), "load {{device}} {{model_name}}")], unit="GBs"),
        plot("L1 ↔ L2 Throughput", "Mean speed of stores into L2, queue included, and of loads.",
             [(mean(speed.format("l2_store")), "store {{l2_name}}"),
              (mean(speed.format("l2_load")), "load {{l2_name}}")], unit="GBs"),
        plot("Lookup & Engine Activity", "Tokens that engines asked for, tokens that were found, "
             "and chunks that workers loaded.",
             [(rate("lmcache_mp_lookup_requested_tokens_total"), "tokens asked {{model_name}}"),
              (rate("lmcache_mp_lookup_hit_tokens_total"), "tokens found {{model_name}}"),
              (rate("lmcache_mp_num_chunks_loaded_total"), "chunks loaded {{worker_id}}")],
             unit="cps"),
        plot("Cache Hit Rate", "Share of the tokens asked for that were found.",
             [(f"{hit} / {asked}", "{{model_name}} " + INSTANCE)],
             unit="percentunit", high=1, thresholds=GREEN_UP, line=True),
        plot("L2 IOPS", "Tasks that L2 adapters ended.",
             [(rate("lmcache_mp_l2_store_completed_requests_total"), "stores {{l2_name}}"),
              (rate("lmcache_mp_l2_load_completed_requests_total"), "loads {{l2_name}}")],
             unit="iops", width=8),
        plot("L1 IOPS", "Chunks read from L1, written to it and removed from it, all salts.",
             [(f"sum({rate('lmcache_mp_l1_read_chunks_total')})", "read"),
              (f"sum({rate('lmcache_mp_l1_write_chunks_total')})", "written"),
              (f"sum({rate('lmcache_mp_l1_evicted_chunks_total')})", "evicted")],
             unit="iops", width=8),
        plot("L2 Usage", "Bytes that each L2 adapter holds.",
             [("lmcache_mp_l2_usage_bytes", "{{l2_name}} " + INSTANCE)], unit="bytes", width=8))


def production_insights() -> tuple:
    gap = "lmcache_mp_l1_chunk_evict_reuse_gap_seconds"

    def life(what: str, legend: str) -> list[tuple[str, str]]:
        return [(mean(f"lmcache_mp_{what}_lifetime_seconds"), "lifetime " + legend),
                (mean(f"lmcache_mp_{what}_idle_before_evict_seconds"), "idle at the end " + legend),
                (mean(f"lmcache_mp_{what}_reuse_gap_seconds"), "between uses " + legend)]

    return row(
        "Production Insights",
        plot("L0 Block Lifecycle", "How long GPU blocks live, lie idle and wait for the next use; "
             "means of the sampled ones.", life("l0_block", "{{instance_id}}"), unit="s"),
        plot("L1 Chunk Lifecycle", "How long chunks live in L1, lie idle and wait for the next "
             "use; means of the sampled ones. Idle close to lifetime: most are never used again.",
             life("l1_chunk", "{{l1_tag}}"), unit="s"),
        plot("L1 Evict-to-Reuse Gap", "How long after its eviction a chunk comes back, up to 300 "
             "s. Small values: L1 is too small for the working set.",
             [(quantile(0.5, gap), "p50"), (quantile(0.95, gap), "p95"), (mean(gap), "mean")],
             unit="s"),
        plot("SM Real Reuse Gap", "Time, and chunks looked up, between two lookups of the same "
             "chunk. The second number is the L1 size, in chunks, that would have kept it.",
             [(mean("lmcache_mp_real_reuse_gap_seconds"), "seconds {{cache_salt}}"),
              (mean("lmcache_mp_real_reuse_gap_objects_chunks"), "chunks {{cache_salt}}")],
             unit="s", units={"^chunks": "short"}))


def cache_blend() -> tuple:
    blend = "lmcache_blend_"

    def words(*names: str) -> list[tuple[str, str]]:
        return [(rate(f"{blend}{name}_total"), name.replace("_", " ")) for name in names]

    requested = rate(blend + "lookup_requested_tokens_total")
    return row(
        "CacheBlend",
        plot("Operations", "Blended lookups and retrieves, and those that failed or had nothing to "
             "do.", words("lookup_requests", "retrieve_requests", "retrieve_failures",
                          "retrieve_noops", "lookup_no_gpu_context_errors"), unit="cps"),
        plot("Hit Rate & Chunks", "Share of tokens found by blended lookups; chunks of the "
             "fingerprint table.",
             [(f"{rate(blend + 'lookup_hit_tokens_total')} / {requested}", "hit rate"),
              *words("retrieve_chunks", "fingerprints_registered", "chunks_evicted",
                     "lookup_stale_chunks")], unit="cps", units={"^hit rate": "percentunit"}),
        plot("Prefix vs Non-Prefix", "Where the tokens were found.",
             words("lookup_prefix_hit_tokens", "lookup_non_prefix_hit_tokens",
                   "lookup_segmented_prefix_hit_tokens"), unit="cps", stacked=True),
        plot("Durations", "Mean time of each step.",
             [(mean(f"{blend}{step}_duration_milliseconds"), step.replace("_", " "))
              for step in ("lookup", "fingerprint_match", "prefix_lookup", "coordinator_match",
                           "sparse_prefetch", "retrieve", "scatter")], unit="ms"),
        traces("Blend Request Traces", "The latest blended requests.", '{ name = "cb.request" }'),
        collapsed=True)


def transfer_phases() -> tuple:
    moved, took = (f"sum by (direction) ({rate(counter, STAGING)})" for counter in (
        "lmcache_mp_transfer_phase_bytes_total", "lmcache_mp_transfer_phase_elapsed_seconds_total"))
    return row(
        "MP Transfer Phases",
        plot("DMA Throughput", "Speed of copies between GPU and staging memory.",
             [(f"{moved} / {took} / 1e9", "{{direction}}")], unit="GBs", width=24),
        traces("Stores", "The latest stores with their phases.", '{ name = "mp.store" }', width=12),
        traces("Retrieves", "The latest retrieves with their phases.", '{ name = "mp.retrieve" }',
               width=12),
        collapsed=True)


def build() -> dict:
    request_traces = row("Request Traces", traces(
        "Request Traces", "The latest requests: one bar per request, with lookup, retrieve and "
        "store inside.", '{ name = "request" }'))
    return dashboard(
        "lmcache-standard", "LMCache", "KV cache servers of LLM engines: health, speed, reuse.",
        [system_health(), performance(), production_insights(), cache_blend(), request_traces,
         transfer_phases()], tags=["kv-cache"], version=3)
