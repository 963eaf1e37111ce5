"""What only this daemon measures about itself (spec observability §1.9 B2, §10.3, §10.4)."""

from panels import dashboard, number, plot, quantile, rate, row

TYPE = "{{request_type}}"


def latency(histogram: str) -> list[tuple[str, str]]:
    return [(quantile(share, histogram, "le, request_type"), f"p{share * 100:g} {TYPE}")
            for share in (0.5, 0.99)]


def build() -> dict:
    bus = "lmcache_mp_event_bus_"
    return dashboard(
        "lmcache-daemon", "LMCache Daemon", "The process, its requests and its event bus.",
        [row("Process",
             number("Version", "What this daemon was built from.", "lmcache_build_info",
                    legend="{{version}} {{revision}}", text="name"),
             number("Up For", "Time since the process started.",
                    "time() - process_start_time_seconds{job=\"lmcache-mp\"}", unit="s"),
             number("L1 Capacity", "Bytes that L1 can hold.", "sum(lmcache_mp_l1_capacity_bytes)",
                    unit="bytes"),
             number("Staged", "Bytes of L1 reserved for writes that have not ended.",
                    "sum(lmcache_mp_l1_staging_bytes)", unit="bytes"),
             plot("CPU", "Cores in use.", [(rate("process_cpu_seconds_total",
                                                 '{job="lmcache-mp"}'), "{{instance}}")],
                  width=8),
             plot("Memory", "Resident memory; touched pages of the pool count in.",
                  [('process_resident_memory_bytes{job="lmcache-mp"}', "{{instance}}")],
                  unit="bytes", width=8),
             plot("File Descriptors", "Open descriptors and the limit.",
                  [('process_open_fds{job="lmcache-mp"}', "open {{instance}}"),
                   ('process_max_fds{job="lmcache-mp"}', "limit {{instance}}")], width=8)),
         row("Requests",
             plot("Lookups", "Lookups that ended, and those that ended early.",
                  [(f"sum({rate('lmcache_mp_lookups_requests_total')})", "all"),
                   (f"sum by (reason) ({rate('lmcache_mp_lookup_early_exit_requests_total')})",
                    "early: {{reason}}")], unit="reqps", width=8),
             plot("Handler Time", "From the start of the work on a request to its reply.",
                  latency("lmcache_mp_request_handler_seconds"), unit="s", width=8),
             plot("Queue Wait", "From the arrival of a request to the start of its work.",
                  latency("lmcache_mp_request_queue_wait_seconds"), unit="s", width=8)),
         row("Event Bus",
             plot("Waiting", "Events that wait for the bus, and for each subscriber.",
                  [(bus + "queue_depth", "bus {{instance}}"),
                   (bus + "subscriber_queue_depth", "{{subscriber_name}}")]),
             plot("Lost", "Events for which the bus, or a subscriber's mailbox, had no room.",
                  [(rate(bus + "dropped_events_total"), "bus {{instance}}"),
                   (rate(bus + "subscriber_dropped_total"), "{{subscriber_name}}")], unit="cps"),
             plot("Lag", "Age of the event that was handed on last.",
                  [(bus + "drain_lag_seconds", "{{instance}}")], unit="s"),
             plot("Failed Subscribers", "Events that a subscriber failed on.",
                  [(rate(bus + "subscriber_exceptions_total"), "{{subscriber_name}}")],
                  unit="cps"))],
        tags=["process"])
