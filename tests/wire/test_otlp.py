"""Metrics and log records that go out to a receiver of OTLP, over gRPC and over HTTP."""

import email.utils
import re
import subprocess
import tempfile
import time
import unittest

from .client import Client
from .harness import BINARY, TERMINATED, TIME_SCALE, eventually, ours_only
from .otlp_receiver import GrpcReceiver, HttpReceiver, certificate
from .protocol import cache_key
from .server import Server

UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "GB/s": "GB_per_second",
         "%": "percent"}
# Series of one of the two ways.
MOVING = re.compile(r"lmcache_(otlp|scrape|log)_|lmcache_http|event_bus|uptime")


def prometheus_name(metric) -> str:
    """The family that a collector's Prometheus exporter makes of a metric."""
    name = re.sub(r"[^a-zA-Z0-9_]", "_", metric.name)
    unit = "" if metric.unit.startswith("{") else UNITS.get(metric.unit, metric.unit)
    if unit and not name.endswith(unit):
        name += "_" + unit
    if metric.WhichOneof("data") == "sum" and not name.endswith("_total"):
        name += "_total"
    return name


def attribute(value):
    return str(value.bool_value).lower() if value.WhichOneof("value") == "bool_value" \
        else value.string_value


def series(name: str, point) -> str:
    labels = {re.sub(r"\W", "_", a.key): attribute(a.value) for a in point.attributes}
    text = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{text}}}" if text else name


def pushed_values(messages) -> dict[str, float]:
    """What the last push says: sums and gauges, and the counts of histograms."""
    result = {}
    for message in messages:
        for scope in message.resource_metrics[0].scope_metrics:
            for metric in scope.metrics:
                kind, name = metric.WhichOneof("data"), prometheus_name(metric)
                for point in getattr(metric, kind).data_points:
                    if kind == "histogram":
                        assert sum(point.bucket_counts) == point.count, metric.name
                        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
                        result[series(name + "_count", point)] = point.count
                    else:
                        result[series(name, point)] = getattr(point, point.WhichOneof("value"))
                if kind != "gauge":
                    assert getattr(metric, kind).aggregation_temporality == 2, metric.name
    return result


def scraped_values(text: str) -> dict[str, float]:
    result = {}
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and not line.startswith("#"):
            labels = sorted(re.findall(r'\w+="[^"]*"', found[2] or ""))
            result[found[1] + ("{%s}" % ",".join(labels) if labels else "")] = float(found[3])
    return result


class PushCase(unittest.TestCase):
    receiver_kind: type

    def setUp(self):
        self.receiver = self.listen()

    def listen(self, tls=None):
        receiver = self.receiver_kind(tls)
        self.addCleanup(receiver.close)
        return receiver

    def daemon(self, *flags, receiver=None, logs=True, **env) -> Server:
        receiver = receiver or self.receiver
        variables = {"OTEL_EXPORTER_OTLP_" + name: value for name, value in env.items()}
        server = Server(BINARY, l1_gb=0.05, chunk=16, env=variables,
                        flags=["--prometheus-port", "0", "--otlp-endpoint", receiver.endpoint,
                               "--otlp-protocol", receiver.protocol,
                               *(["--otlp-logs"] if logs else []), *flags]).start()
        self.addCleanup(server.discard)
        return server

    def served(self, server: Server) -> None:
        client = Client(server.endpoint)
        client.hits(cache_key(list(range(64)), model="m", request="r1", worker=None))
        client.end_session("r1")
        client.close()

    def stop(self, server: Server) -> None:
        began = time.monotonic()
        self.assertEqual(server.stop(), TERMINATED)
        self.assertLess(time.monotonic() - began, 8 * TIME_SCALE)

    def first_logs(self, receiver=None, count: int = 1) -> None:
        receiver = receiver or self.receiver

        def log_requests_came():
            return len(receiver.got["logs"]) >= count
        eventually(log_requests_came, 10)


class Both:
    """What both protocols do."""

    def test_the_last_push_says_what_a_scrape_says(self):
        server = self.daemon()
        self.served(server)
        shown = scraped_values(server.http("GET", "/metrics")[1].decode())
        self.stop(server)
        pushed = pushed_values(self.receiver.got["metrics"])
        same = {name for name in pushed if not MOVING.search(name)}
        self.assertEqual(same - set(shown), set())
        back = {n: (pushed[n], shown[n]) for n in same
                if re.search("_total|_count", n) and pushed[n] < shown[n]}
        self.assertEqual(back, {})
        self.assertGreater(len(same), 100)
        lookups = {n: v for n, v in pushed.items() if n.startswith("lmcache_mp_lookups_requests_")}
        self.assertEqual(list(lookups.values()), [1], lookups)
        resource = self.receiver.got["metrics"][-1].resource_metrics[0].resource.attributes
        names = {a.key: a.value.string_value for a in resource}
        self.assertEqual(names["service.name"], "lmcache-mp")
        self.assertTrue(names["service.instance.id"])

    def test_metrics_go_out_while_it_runs(self):
        server = self.daemon(logs=False)

        def a_push_came():
            return len(self.receiver.got["metrics"])
        eventually(a_push_came, 20)
        text = server.http("GET", "/metrics")[1].decode()
        self.assertRegex(text, r'lmcache_otlp_exported_points_total\{signal="metrics"\} [1-9]')
        eventually(lambda: len(self.receiver.got["metrics"]) >= 2, 20)  # on a used connection
        self.stop(server)
        self.assertEqual(self.receiver.got["logs"], [])

    def test_log_records_say_who_when_and_how_severe(self):
        server = self.daemon("--log-level", "DEBUG")
        self.served(server)
        began = time.time()
        self.stop(server)
        records = self.receiver.records()
        lookup = [(logger, r) for logger, r in records if "lookup/prefetch start" in
                  r.body.string_value]
        self.assertEqual(len(lookup), 1, [r.body.string_value for _, r in records])
        logger, record = lookup[0]
        self.assertEqual(logger, "lmcache.mp-server")
        self.assertEqual((record.severity_text, record.severity_number), ("DEBUG", 5))
        self.assertEqual({a.key: a.value.string_value for a in record.attributes},
                         {"request_id": "r1"})
        self.assertLess(abs(record.time_unix_nano / 1e9 - began), 60)
        self.assertTrue(any("initialised with OTLP" in r.body.string_value for _, r in records))

    def test_only_records_at_or_above_the_level_go_out(self):
        server = self.daemon("--log-level", "WARNING")
        self.served(server)
        self.stop(server)
        self.assertFalse([r for _, r in self.receiver.records() if r.severity_number < 13])

    def test_headers_of_the_environment_go_along_and_are_shown_nowhere(self):
        server = self.daemon(HEADERS="api-key=s3cret%21,x-team=kv", LOGS_HEADERS="api-key=0ther")
        self.first_logs()
        environment = server.http("GET", "/env")[1]
        self.stop(server)
        self.assertIn(b"OTEL_EXPORTER_OTLP_HEADERS", environment)
        for secret in (b"s3cret", b"0ther"):
            self.assertNotIn(secret, environment)
        self.assertEqual(self.receiver.headers["logs"][0]["api-key"], "0ther")
        self.assertNotIn("x-team", self.receiver.headers["logs"][0])
        self.assertEqual(self.receiver.headers["metrics"][0]["api-key"], "s3cret!")
        self.assertEqual(self.receiver.headers["metrics"][0]["x-team"], "kv")
        self.assertIn("OTel-OTLP-Exporter-Cpp/", self.receiver.headers["logs"][0]["user-agent"])
        self.assertNotIn("s3cret", server.log())

    def test_compressed_requests_are_understood(self):
        server = self.daemon(COMPRESSION="gzip")
        self.first_logs()
        self.stop(server)
        self.assertTrue(self.receiver.got["metrics"])
        if self.receiver.protocol != "grpc":  # there the library hides it
            self.assertEqual(self.receiver.headers["logs"][0]["content-encoding"], "gzip")

    def test_over_tls_only_to_a_receiver_that_is_trusted(self):
        with tempfile.TemporaryDirectory() as folder:
            key, cert = certificate(folder)
            receiver = self.listen((key, cert))
            server = self.daemon(receiver=receiver, CERTIFICATE=cert)
            self.first_logs(receiver)
            self.stop(server)
            self.assertTrue(receiver.got["metrics"])
            asked = len(receiver.headers["logs"])
            self.stop(self.daemon(receiver=receiver))  # knows the system's authorities only
            self.assertEqual(len(receiver.headers["logs"]), asked)

    def test_a_busy_receiver_gets_the_same_records_once_more(self):
        self.receiver.answers["logs"] = [self.busy]
        server = self.daemon()
        self.first_logs(count=2)
        self.stop(server)
        self.assertEqual(self.receiver.got["logs"][0], self.receiver.got["logs"][1])

    def test_what_a_receiver_will_never_take_is_dropped_counted_and_told(self):
        self.receiver.answers["logs"] = [self.never]
        server = self.daemon("--log-level", "DEBUG")
        self.first_logs()

        def told():
            return "OTLP export of logs" in server.log()
        eventually(told, 10)
        self.assertRegex(server.http("GET", "/metrics")[1].decode(),
                         r'lmcache_otlp_dropped_points_total\{signal="logs"\} [1-9]')
        self.served(server)
        self.stop(server)
        self.assertGreater(len(self.receiver.got["logs"]), 1)  # later records are offered
        self.assertNotEqual(self.receiver.got["logs"][0], self.receiver.got["logs"][1])
        # A push that fails is no reason for a push.
        self.assertFalse([r for _, r in self.receiver.records() if "OTLP" in r.body.string_value
                          and "export of" in r.body.string_value])

    def test_a_receiver_that_hangs_holds_up_neither_requests_nor_the_end(self):
        self.receiver.answers = {"logs": ["hang"] * 100, "metrics": ["hang"] * 100}
        server = self.daemon()
        self.first_logs()
        self.served(server)
        self.assertEqual(server.http("GET", "/healthcheck")[0], 200)
        self.stop(server)

    def test_nobody_there_holds_up_neither_requests_nor_the_end(self):
        self.receiver.close()
        server = self.daemon()
        self.served(server)
        self.stop(server)


@ours_only
class OverGrpc(Both, PushCase):
    receiver_kind = GrpcReceiver
    busy, never = 14, 3  # UNAVAILABLE, INVALID_ARGUMENT

    def test_a_signal_that_is_not_known_there_is_offered_again(self):
        self.receiver.answers["logs"] = [12]  # UNIMPLEMENTED
        server = self.daemon("--log-level", "DEBUG")
        self.first_logs()
        self.served(server)
        self.stop(server)
        self.assertGreater(len(self.receiver.got["logs"]), 1)


@ours_only
class OverHttp(Both, PushCase):
    receiver_kind = HttpReceiver
    busy, never = (503, {"Retry-After": "1"}), 404

    def test_a_date_says_when_to_come_again(self):
        late = email.utils.formatdate(time.time() + 3600, usegmt=True)
        self.receiver.answers["logs"] = [(503, {"Retry-After": late})]
        server = self.daemon()
        self.first_logs()

        def gave_up():
            return "OTLP export of logs" in server.log()
        eventually(gave_up, 5)  # our own tries would go on for 7 s
        self.stop(server)

    def test_records_that_were_taken_are_not_sent_twice(self):
        self.receiver.answers["logs"] = ["hang-up"]
        server = self.daemon()
        self.first_logs()
        self.served(server)
        self.stop(server)
        bodies = [r.SerializeToString() for _, r in self.receiver.records()]
        self.assertEqual(len(bodies), len(set(bodies)))
        self.assertNotIn("OTLP export of logs", server.log())


@ours_only
class Flags(unittest.TestCase):
    def test_a_wrong_endpoint_is_one_line_before_anything_listens(self):
        for flags, part in ((["--otlp-endpoint", "ftp://h:1"], "unknown scheme"),
                            (["--otlp-endpoint", "http://h:70000"], "no host and port"),
                            (["--otlp-endpoint", "http://u:pw@h:1"], "names a user"),
                            (["--otlp-endpoint", "h:1", "--otlp-protocol", "http/protobuf"],
                             "needs a scheme"),
                            (["--otlp-logs"], "requires --otlp-endpoint")):
            ended = subprocess.run(Server(BINARY, flags=flags).command, capture_output=True,
                                   text=True, timeout=30, check=False)
            self.assertEqual(ended.returncode, 1, flags)
            self.assertEqual(len(ended.stderr.splitlines()), 1, ended.stderr)
            self.assertIn(part, ended.stderr)
            self.assertNotIn("pw@", ended.stderr)
