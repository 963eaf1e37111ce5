"""The dashboard of older releases, on the metric names they used (spec observability §2.5, §9.2).

It is for comparing with history that was recorded under those names.
"""

from panels import GREEN_UP, INSTANCE, dashboard, mean, plot, rate, row, traces


def counters(*names: tuple[str, str]) -> list[tuple[str, str]]:
    return [(rate(f"lmcache_mp_{name}_total"), f"{word} {INSTANCE}") for name, word in names]


def first_revision() -> tuple:
    found, asked = rate("lmcache_mp_lookup_hit_tokens_total"), rate(
        "lmcache_mp_lookup_requested_tokens_total")
    return row(
        "Requests",
        plot("Hit Rate", "Share of the tokens asked for that were found.",
             [(f"{found} / {asked}", "{{model_name}} {{cache_salt}}")],
             unit="percentunit", high=1, thresholds=GREEN_UP, line=True, width=8),
        plot("StorageManager Reads", "Prefetches, and keys that they got or did not get.",
             counters(("sm_read_requests", "prefetches"), ("sm_read_succeed_keys", "keys got"),
                      ("sm_read_failed_keys", "keys missed")), unit="cps", width=8),
        plot("StorageManager Writes", "Reservations, and keys that got memory or got none.",
             counters(("sm_write_requests", "reservations"),
                      ("sm_write_succeed_keys", "keys got"),
                      ("sm_write_failed_keys", "keys without memory")), unit="cps", width=8),
        traces("Live Traces", "The latest requests.", '{ name = "request" }'))


def levels() -> tuple:
    return row(
        "L1 and L2",
        plot("L1 Keys", "Keys read, written and evicted.",
             counters(("l1_read_keys", "read"), ("l1_write_keys", "written"),
                      ("l1_evicted_keys", "evicted")), unit="cps"),
        plot("Failures", "Chunks that failed, by kind; all stay near 0.",
             [(f"sum({rate(f'lmcache_mp_{name}_failure_total')}) or vector(0)",
               name.replace("_", " ")) for name in
              ("l1_allocation", "l1_read", "l2_prefetch")], unit="cps"),
        plot("L2 Stores", "Store tasks and keys handed to L2 and ended.",
             [*counters(("l2_store_tasks", "tasks"), ("l2_store_keys", "keys"),
                        ("l2_store_succeeded_keys", "keys stored"),
                        ("l2_store_failed_keys", "keys failed")),
              (rate("lmcache_mp_l2_store_completed_total"), "tasks ended {{l2_name}}")],
             unit="cps"),
        plot("L2 Prefetches", "Lookups in L2 and loads from it.",
             [*counters(("l2_prefetch_lookups", "lookups"),
                        ("l2_prefetch_lookup_keys", "keys looked up"),
                        ("l2_prefetch_hit_keys", "keys found"),
                        ("l2_prefetch_load_tasks", "loads"),
                        ("l2_prefetch_load_keys", "keys asked"),
                        ("l2_prefetch_loaded_keys", "keys loaded"),
                        ("l2_prefetch_failed_keys", "keys failed")),
              (rate("lmcache_mp_l2_load_completed_total"), "tasks ended {{l2_name}}")],
             unit="cps"),
        plot("Throughput", "Mean speed of copies, names with the unit.",
             [(mean(f"lmcache_mp_{name}_throughput_gbs_GB_per_second"), name.replace("_", " "))
              for name in ("l0_l1_store", "l0_l1_load", "l2_store", "l2_load")], unit="GBs"),
        plot("Throughput, Names Without Unit", "The same numbers.",
             [(mean(f"lmcache_mp_{name}_throughput_gbs"), name.replace("_", " "))
              for name in ("l0_l1_store", "l0_l1_load", "l2_store", "l2_load")], unit="GBs"),
        plot("Real Reuse Gap", "Chunks looked up between two lookups of the same chunk.",
             [(mean("lmcache_mp_real_reuse_gap_chunks"), "{{cache_salt}}")], width=24))


def build() -> dict:
    return dashboard(
        "lmcache-older-names", "LMCache (older metric names)",
        "The same numbers as on LMCache, under the names of older releases.",
        [first_revision(), levels()], tags=["kv-cache"], version=2)
