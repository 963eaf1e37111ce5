"""Every expression of conf/, asked of a real Prometheus that scrapes a daemon under load."""

from __future__ import annotations

import re
import unittest

from wire.harness import BINARY, eventually
from wire.server import Server, free_ports

from .conf_files import alerts, targets
from .load import SMALL_L1_GB, Load
from .prometheus import SCRAPE_INTERVAL, Prometheus, Refused
from .promql import families, substituted

# Families that may be without data, as regular expressions on the whole name. Each line goes when
# what feeds it is there; until then its expressions are only checked to be valid.
NOT_FED = [
    r"lmcache_mp_l2_.*|lmcache_mp_(num_inflight|inflight_load)_.*",    # no L2 adapter
    r"lmcache_l2_adapter_.*",                                          # no L2 adapter
    r"lmcache_blend_.*",                                               # no blending
    r"lmcache_mp_transfer_phase_.*",                                   # no staging on the CPU
    r"lmcache_mp_event_bus_subscriber_(exceptions|dropped)_total",     # no subscriber fails
]
MAY_BE_EMPTY = re.compile("|".join(f"(?:{names})" for names in NOT_FED))
DATA_WITHIN_S = 30.0


def unfed(expression: str) -> set[str]:
    """Families of an expression that excuse an empty answer."""
    return {name for name in families(expression) if MAY_BE_EMPTY.fullmatch(name)}


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        port, = free_ports(1)
        cls.daemon = Server(BINARY, l1_gb=SMALL_L1_GB, chunk=16, flags=[
            "--prometheus-host", "127.0.0.1", "--prometheus-port", str(port),
            "--metrics-sample-rate", "1"]).start()
        cls.addClassCleanup(cls.stop_daemon)
        cls.prometheus = cls.enterClassContext(Prometheus(f"127.0.0.1:{port}"))
        cls.load = cls.enterClassContext(Load(cls.daemon))
        eventually(cls.watched_the_load, DATA_WITHIN_S)

    @classmethod
    def stop_daemon(cls) -> None:
        cls.daemon.stop()

    @classmethod
    def watched_the_load(cls) -> bool:
        """Whether several scrapes saw the rarest things the load does grow."""
        if cls.load.failure:
            raise cls.load.failure
        rarest = ("lmcache_mp_l1_allocation_failure_chunks_total",
                  "lmcache_mp_lookup_early_exit_requests_total",
                  "lmcache_mp_l1_eviction_loop_ticks_total")
        return all(cls.prometheus.query(f"changes({name}[1m]) > 0") for name in rarest)

    def setUp(self) -> None:
        self.assertIsNone(self.load.failure)
        self.assertTrue(self.daemon.alive(), self.daemon.log()[-4000:])

    def ask(self, expression: str) -> list[dict]:
        try:
            return self.prometheus.query(substituted(expression))
        except Refused as refusal:
            self.fail(f"{expression}: {refusal}")

    def test_every_panel_shows_data_or_waits_for_a_part_that_is_not_fed(self):
        for place, target in targets("prometheus"):
            with self.subTest(place, expression=target["expr"]):
                self.assertTrue(families(target["expr"]), "reads no metric")
                if not self.ask(target["expr"]):
                    self.assertTrue(unfed(target["expr"]), "no data")

    def test_every_family_of_the_panels_has_data(self):
        """`or vector(0)` gives data whatever the name before it is."""
        for place, target in targets("prometheus"):
            for name in families(target["expr"]) - unfed(target["expr"]):
                with self.subTest(place, family=name):
                    self.assertTrue(self.ask(f'{{__name__=~"{name}(_count)?"}}'), "no data")

    def test_every_trace_panel_has_a_query(self):
        self.assertTrue(targets("tempo"))
        for place, target in targets("tempo"):
            with self.subTest(place):
                self.assertRegex(target["query"], r"^\{ .+ \}$")

    def test_every_alert_is_valid_and_reads_metrics_that_are_there(self):
        for rule in alerts():
            with self.subTest(rule["alert"]):
                self.ask(rule["expr"])
                self.assertTrue(families(rule["expr"]), "reads no metric")
                for name in families(rule["expr"]) - unfed(rule["expr"]):
                    self.assertTrue(self.ask(name), f"{name}: no data")

    def test_prometheus_evaluates_every_alert(self):
        def states():
            rules = [rule for group in self.prometheus.ask("rules")["groups"]
                     for rule in group["rules"]]
            return {rule["name"]: (rule["health"], rule.get("lastError", "")) for rule in rules} \
                if all(rule["health"] != "unknown" for rule in rules) else None
        self.assertEqual(eventually(states), {rule["alert"]: ("ok", "") for rule in alerts()})

    def test_the_load_raises_the_alerts_it_should(self):
        """Not yet firing, because of `for`, but pending."""
        def pending():
            return {a["labels"]["alertname"] for a in self.prometheus.ask("alerts")["alerts"]}
        def raised():
            return "LMCacheL1AllocationFailures" in pending()
        eventually(raised)
        self.assertFalse({"LMCacheNotScraped", "LMCacheNoMetrics"} & pending())

    def test_the_daemon_is_scraped_without_an_error_and_in_time(self):
        target, = self.prometheus.ask("targets")["activeTargets"]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        self.assertEqual(target["scrapeInterval"], SCRAPE_INTERVAL)
        self.assertTrue(self.ask('lmcache_mp_l1_usage_ratio{service_instance_id!=""}'))

    def test_the_hit_rate_is_that_of_the_load(self):
        for by in ("", "sum by (model_name) "):
            rates = [f"{by}(rate(lmcache_mp_lookup_{what}_tokens_total[5m]))"
                     for what in ("hit", "requested")]
            series, = self.ask(" / ".join(rates))
            self.assertEqual(series["metric"]["model_name"], "stack/model")
            self.assertTrue(0.2 < float(series["value"][1]) < 0.8, series)

    def test_every_line_of_the_list_above_is_needed(self):
        read = {name for _, target in targets("prometheus") for name in families(target["expr"])}
        read |= {name for rule in alerts() for name in families(rule["expr"])}
        for line in NOT_FED:
            self.assertTrue(any(re.fullmatch(line, name) for name in read), line)
