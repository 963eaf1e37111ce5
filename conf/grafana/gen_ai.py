"""The inference servers' own gauges (spec observability §8.5)."""

from panels import dashboard, number, plot, row

KV, WAITING = "gen_ai_server_kv_cache_usage", "gen_ai_server_requests_waiting"
RUNNING, CAPACITY = "gen_ai_server_requests_running", "gen_ai_server_requests_max"
NEARLY_FULL = [("green", None), ("yellow", 75), ("red", 90)]


def build() -> dict:
    busy = f"{RUNNING} / {CAPACITY} * 100"
    return dashboard(
        "lmcache-gen-ai", "Inference Servers",
        "How full the KV caches of the models are, and how many requests run and wait.",
        [row("Now",
             number("Mean KV Cache Usage", "Mean over all models.", f"avg({KV})", unit="percent",
                    thresholds=NEARLY_FULL),
             number("Requests Running", "Requests that are executed.", RUNNING),
             number("Requests Waiting", "Requests in the queue.", WAITING,
                    thresholds=[("green", None), ("yellow", 50), ("red", 100)]),
             number("Slots In Use", "Running requests, in percent of what the server takes at "
                    "once.", busy, unit="percent", thresholds=NEARLY_FULL)),
         row("Over Time",
             plot("KV Cache Usage", "Fill of each model's KV cache. Above 90 % engines begin to "
                  "preempt requests.", [(KV, "{{model}}")], unit="percent", high=100,
                  thresholds=[("green", None), ("red", 90)], line=True, width=24),
             plot("Request Queue Depth", "Requests that wait. The line at 100 is where users "
                  "notice.", [(WAITING, "waiting")], fill=60,
                  thresholds=[("green", None), ("red", 100)], line=True),
             plot("Request Throughput", "Requests ended per second, beside those that run.",
                  [("rate(gen_ai_requests[1m])", "requests/s"), (RUNNING, "running")],
                  units={"^requests/s": "reqps"}),
             plot("Slots In Use", "Running requests, in percent of what the server takes at once.",
                  [(busy, "in use")], unit="percent", high=100, width=24))],
        tags=["gen-ai"])
