"""The files of conf/ by themselves: readable, complete, and fitting one another."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import unittest

from .conf_files import CONF, DASHBOARDS, ROOT, alerts, dashboards, load, panels, targets
from .promql import families

COLUMNS = 24
FILES = sorted(p for p in CONF.rglob("*") if p.suffix in {".yml", ".yaml", ".json"})
COLLECTOR_PORT, DAEMON_PORT = 8889, 9090


class Files(unittest.TestCase):
    def test_every_yaml_and_json_file_can_be_read(self):
        self.assertGreaterEqual(len(FILES), 10)
        for path in FILES:
            with self.subTest(path.relative_to(CONF)):
                self.assertIsInstance(load(path), dict)

    def test_dashboards_are_what_their_generator_writes(self):
        done = subprocess.run([sys.executable, CONF / "grafana" / "generate.py", "--check"],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_collector_makes_labels_of_the_resource_and_serves_what_prometheus_asks(self):
        collector = load(CONF / "otel-collector.yaml")
        exporter = collector["exporters"]["prometheus"]
        self.assertIs(exporter["resource_to_telemetry_conversion"]["enabled"], True)
        self.assertEqual(exporter["endpoint"], f"0.0.0.0:{COLLECTOR_PORT}")
        self.assertEqual(collector["exporters"]["otlp/tempo"]["endpoint"], "tempo:4317")
        for name, pipeline in collector["service"]["pipelines"].items():
            for kind in ("receivers", "processors", "exporters"):
                for part in pipeline[kind]:
                    self.assertIn(part, collector[kind], f"{name}: {kind}")

    def test_tempo_keeps_the_spans_that_metrics_of_traces_read(self):
        tempo = load(CONF / "tempo.yaml")
        self.assertIn("local-blocks",
                      tempo["overrides"]["defaults"]["metrics_generator"]["processors"])
        self.assertIs(tempo["metrics_generator"]["processor"]["local_blocks"]
                      ["filter_server_spans"], False)


class Links(unittest.TestCase):
    """From a point of a histogram to its trace, from there to lines of the log, and back."""

    def setUp(self) -> None:
        sources = load(CONF / "grafana" / "provisioning" / "datasources" / "datasources.yaml")
        self.sources = {each["uid"]: each["jsonData"] for each in sources["datasources"]}
        self.collector = load(CONF / "otel-collector.yaml")
        self.daemon = load(CONF / "compose.yaml")["services"]["lmcache"]["command"]

    def test_the_daemon_sends_traces_and_logs_that_reach_their_stores(self):
        for flag in ("--otlp-endpoint=http://otel-collector:4317", "--enable-tracing",
                     "--otlp-logs"):
            self.assertIn(flag, self.daemon)
        pipelines = self.collector["service"]["pipelines"]
        self.assertEqual(pipelines["traces"]["exporters"], ["otlp/tempo"])
        self.assertEqual(pipelines["logs"]["exporters"], ["otlphttp/loki"])
        self.assertEqual(self.collector["exporters"]["otlphttp/loki"]["endpoint"],
                         "http://loki:3100/otlp")

    def test_what_is_scraped_is_not_pushed_again(self):
        dropped, = self.collector["processors"]["filter/scraped"]["metrics"]["metric"]
        name = re.fullmatch(r'resource\.attributes\["service\.instance\.id"\] == "(\w+)"', dropped)
        self.assertIn(f"--instance-id={name[1]}", self.daemon)
        self.assertIn("filter/scraped",
                      self.collector["service"]["pipelines"]["metrics"]["processors"])

    def test_grafana_goes_from_one_to_the_next(self):
        exemplar, = self.sources["prometheus"]["exemplarTraceIdDestinations"]
        self.assertEqual((exemplar["name"], exemplar["datasourceUid"]), ("trace_id", "tempo"))
        logs = self.sources["tempo"]["tracesToLogsV2"]
        self.assertEqual(logs["datasourceUid"], "loki")
        self.assertIn('service_name="lmcache-mp"', logs["query"])
        field, = self.sources["loki"]["derivedFields"]
        self.assertEqual((field["matcherRegex"], field["datasourceUid"]), ("trace_id", "tempo"))


# The family that docs/METRICS.md does not list: Prometheus's own.
NOT_IN_METRICS_MD = re.compile(r"up")


class Names(unittest.TestCase):
    def test_every_metric_that_is_read_is_one_of_the_daemons(self):
        page = (ROOT / "docs" / "METRICS.md").read_text(encoding="utf-8")
        known = set(re.findall(r"`(\w+)`", page))
        read = [(place, target["expr"]) for place, target in targets("prometheus")]
        read += [(rule["alert"], rule["expr"]) for rule in alerts()]
        for place, expression in read:
            for name in families(expression) - known:
                with self.subTest(place):
                    self.assertRegex(name, rf"^(?:{NOT_IN_METRICS_MD.pattern})$")


class Dashboards(unittest.TestCase):
    def test_there_is_one_for_each_purpose(self):
        self.assertEqual({d["uid"] for d in dashboards().values()},
                         {"lmcache-standard", "lmcache-older-names", "lmcache-gen-ai",
                          "lmcache-daemon"})
        standard = dashboards()["lmcache.json"]
        self.assertEqual((standard["title"], standard["refresh"], standard["time"]["from"]),
                         ("LMCache", "5s", "now-1h"))

    def test_every_panel_says_what_it_shows_and_asks_a_datasource_that_is_provisioned(self):
        sources = {source["uid"]: source["type"] for source in load(
            CONF / "grafana" / "provisioning" / "datasources" / "datasources.yaml")["datasources"]}
        self.assertEqual(sources, {"prometheus": "prometheus", "tempo": "tempo", "loki": "loki"})
        for name, dashboard in dashboards().items():
            for panel in panels(dashboard):
                with self.subTest(name, panel=panel["title"]):
                    self.assertTrue(panel["description"])
                    self.assertTrue(panel["targets"])
                    for asked in [panel["datasource"], *(t["datasource"] for t in
                                                         panel["targets"])]:
                        self.assertEqual(sources[asked["uid"]], asked["type"])

    def test_panels_have_their_own_number_and_place(self):
        for name, dashboard in dashboards().items():
            everything = panels(dashboard) + [p for p in dashboard["panels"] if p["type"] == "row"]
            numbers = [panel["id"] for panel in everything]
            self.assertEqual(len(numbers), len(set(numbers)), name)
            taken = set()
            for panel in dashboard["panels"]:  # those in collapsed rows move when a row opens
                place = panel["gridPos"]
                self.assertLessEqual(place["x"] + place["w"], COLUMNS, panel["title"])
                cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])}
                self.assertFalse(cells & taken, f"{name}: {panel['title']} lies on another")
                taken |= cells


class Compose(unittest.TestCase):
    def setUp(self) -> None:
        self.compose = load(CONF / "compose.yaml")
        self.services = self.compose["services"]

    def mounts(self, service: str) -> list[tuple[str, str]]:
        return [tuple(volume.split(":")[:2]) for volume in self.services[service]["volumes"]]

    def test_it_starts_the_daemon_and_all_that_watches_it(self):
        self.assertEqual(set(self.services),
                         {"lmcache", "otel-collector", "tempo", "loki", "prometheus", "grafana"})
        for name, service in self.services.items():
            self.assertTrue(("image" in service) != ("build" in service), name)
            self.assertNotRegex(service.get("image", "x:1"), r":latest$|^[^:]+$|^[^/]*\.[^/]*/")

    def test_each_service_is_on_its_port_and_on_loopback_only(self):
        published = {name: {tuple(port.rsplit(":", 2)) for port in service.get("ports", [])}
                     for name, service in self.services.items()}
        self.assertEqual(published, {
            "lmcache": {("127.0.0.1", "5555", "5555"), ("127.0.0.1", "8080", "8080")},
            "otel-collector": {("127.0.0.1", "4320", "4317")},
            "tempo": {("127.0.0.1", "3200", "3200")},
            "loki": {("127.0.0.1", "3100", "3100")},
            "prometheus": {("127.0.0.1", "9091", "9090")},
            "grafana": {("127.0.0.1", "3000", "3000")}})

    def test_what_is_mounted_is_there(self):
        for name in ("otel-collector", "tempo", "loki", "prometheus", "grafana"):
            for source, target in self.mounts(name):
                with self.subTest(name, source=source):
                    self.assertTrue(target.startswith("/"))
                    if source.startswith("."):
                        self.assertTrue((CONF / source).exists(), "is not in conf/")
                    else:
                        self.assertIn(source, self.compose["volumes"])
        for service in self.services.values():
            for other in service.get("depends_on", []):
                self.assertIn(other, self.services)

    def inside(self, service: str, path: str) -> pathlib.Path:
        """The file of this repository that a service sees at a path."""
        for source, target in self.mounts(service):
            if path == target or path.startswith(target + "/"):
                return CONF / source / path[len(target):].lstrip("/")
        self.fail(f"{service} sees no file of conf/ at {path}")

    def test_each_service_reads_the_file_that_is_mounted(self):
        for service in ("otel-collector", "tempo", "prometheus"):
            flag = next(w for w in self.services[service]["command"] if "config" in w)
            self.assertTrue(self.inside(service, flag.split("=")[1]).is_file(), flag)
        config = load(CONF / "prometheus" / "prometheus.yml")
        for rules in config["rule_files"]:
            self.assertTrue(self.inside("prometheus", "/etc/prometheus/" + rules).is_file())

    def test_grafana_finds_the_dashboards(self):
        provider, = load(DASHBOARDS / "dashboards.yaml")["providers"]
        self.assertEqual(self.inside("grafana", provider["options"]["path"]), DASHBOARDS)
        home = self.services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        self.assertTrue(self.inside("grafana", home).is_file())

    def test_prometheus_scrapes_the_daemon_and_the_collector(self):
        jobs = {job["job_name"]: [t for s in job["static_configs"] for t in s["targets"]] for job
                in load(CONF / "prometheus" / "prometheus.yml")["scrape_configs"]}
        self.assertEqual(jobs, {"lmcache-mp": [f"lmcache:{DAEMON_PORT}"],
                                "otel-collector": [f"otel-collector:{COLLECTOR_PORT}"]})

    def test_the_daemon_is_built_from_this_repository_and_accepts_its_flags(self):
        build = self.services["lmcache"]["build"]
        self.assertEqual((CONF / build["context"]).resolve(), ROOT)
        self.assertTrue((ROOT / build["dockerfile"]).is_file())
        options = (ROOT / "docs" / "operations" / "options.md").read_text(encoding="utf-8")
        for flag in self.services["lmcache"]["command"]:
            self.assertIn(f"`{flag.split('=')[0]}`", options)
