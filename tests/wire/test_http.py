"""The HTTP API: recorded exchanges, who may use what, and clients that misbehave."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import socket
import tempfile
import time
import unittest

from .client import Client
from .harness import BINARY, KIND, TIME_SCALE, WireCase, eventually
from .paged import Group
from .server import Server, free_ports

SAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data",
                       "http_samples.json")
LONG = "<300 x 'x'>"  # how the recording shortens a name
PROMPT_S = 1.0 * TIME_SCALE  # a probe that nothing holds up
VARYING = {"status_idle", "config", "version", "commit_id"}  # values differ, shapes do not
# Answers that differ on purpose: no loops of our own, one logger, no scripts, no L2 to delete from.
DIFFERENT = {"periodic_thread_one", "periodic_threads", "periodic_threads_level", "periodic_bool",
             "loglevel_list", "loglevel_unknown", "threads", "run_script_disabled",
             "delete_l2_existing", "delete_l1_existing", "delete_bad_adapter", "delete_all_force",
             "metrics"}  # its Content-Type names the version of the format


def request_of(sample: dict) -> tuple[str, str, bytes | None, dict]:
    request = sample["request"]
    headers = dict(request.get("headers", {}))
    if "raw" in request:
        return request["method"], request["path"], request["raw"].encode(), headers
    if "json" not in request:
        return request["method"], request["path"], None, headers
    body = request["json"]
    if body == "<10001 keys>":
        body = {"keys": [{"model_name": "m", "kv_rank": 1, "chunk_hash_hex": "00"}] * 10001}
    return (request["method"], request["path"], json.dumps(body).encode(),
            {"Content-Type": "application/json"})


def shape(value):
    """Keys and types; the recorded one may have fewer keys."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def covers(ours, theirs) -> bool:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return all(key in ours and covers(ours[key], one) for key, one in theirs.items())
    return type(ours) is type(theirs)


class HttpCase(unittest.TestCase):
    flags: list[str] = []

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server(BINARY, KIND, l1_gb=0.0625, flags=cls.flags)
        cls.server.start()
        cls.addClassCleanup(cls.server.kill)

    def tearDown(self) -> None:
        self.assertTrue(self.server.alive(), "the server died:\n" + self.server.log()[-4000:])

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None,
            port: int | None = None):
        """Status, headers and body of one exchange."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.server.http_port,
                                                timeout=10 * TIME_SCALE)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def assertHealthy(self, within_s: float = PROMPT_S) -> None:
        begin = time.monotonic()
        status, _, body = self.ask("GET", "/healthcheck")
        self.assertEqual((status, body), (200, b'{"status":"healthy"}'))
        self.assertLess(time.monotonic() - begin, within_s)

    def raw(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.server.http_port), 10)
        self.addCleanup(connection.close)
        return connection


class Recorded(HttpCase):
    """Exchanges with the real server, in their order."""

    def test_they_are_answered_alike(self):
        with open(SAMPLES, encoding="utf-8") as file:
            samples = json.loads(file.read().replace(LONG, "x" * 300))["samples"]
        for sample in samples:
            if sample["context"] not in ("idle", "x") or sample["label"] in DIFFERENT:
                continue
            with self.subTest(sample["label"]):
                self.compare(sample)

    def compare(self, sample: dict) -> None:
        method, path, body, headers = request_of(sample)
        status, got_headers, got = self.ask(method, path, body, headers)
        expected = sample["response"]
        self.assertEqual(status, expected["status"], got[:300])
        self.assertEqual(got_headers.get("content-type"), expected["headers"].get("content-type"))
        self.assertEqual(got_headers.get("allow"), expected["headers"].get("allow"))
        if "location" in expected["headers"]:
            target = expected["headers"]["location"].split("28080")[1]
            self.assertEqual(got_headers["location"],
                             f"http://127.0.0.1:{self.server.http_port}{target}")
        if method == "HEAD":
            self.assertEqual(got, b"")
        elif "json" in expected:
            self.compare_json(sample["label"], json.loads(got), expected["json"])
        elif "text" in expected:
            self.assertEqual(got.decode(), expected["text"])

    def compare_json(self, label: str, got, expected) -> None:
        if label in VARYING:
            self.assertTrue(covers(got, expected), (shape(got), shape(expected)))
        else:
            self.assertEqual(got, expected)

    def test_objects_keep_the_recorded_order_of_keys(self):
        with open(SAMPLES, encoding="utf-8") as file:
            status = next(s for s in json.load(file)["samples"] if s["label"] == "status_idle")
        got = json.loads(self.ask("GET", "/status")[2])
        expected = list(status["response"]["json"])
        self.assertEqual([key for key in got if key in expected], expected)

    def test_json_is_compact_but_for_the_configuration(self):
        self.assertNotIn(b": ", self.ask("GET", "/status")[2])
        self.assertTrue(self.ask("GET", "/config")[2].startswith(b'{\n  "mp": {\n    '))

    def test_older_paths_work(self):
        for method, path in (("GET", "/api/healthcheck"), ("GET", "/api/status"), ("GET", "/conf"),
                             ("POST", "/api/clear-cache"), ("POST", "/clear-cache")):
            self.assertEqual(self.ask(method, path)[0], 200, path)

    def test_the_level_of_the_log_changes(self):
        for level in ("DEBUG", "INFO"):
            self.ask("GET", f"/loglevel?logger_name=lmcache&level={level.lower()}")
            self.assertEqual(self.ask("GET", "/loglevel?logger_name=lmcache")[2],
                             f"lmcache: {level}".encode())

    def test_metrics_and_threads_are_those_of_the_process(self):
        self.assertIn(b"\nprocess_resident_memory_bytes ", self.ask("GET", "/metrics")[2])
        threads = self.ask("GET", "/threads")[2].decode()
        self.assertIn("Total threads: ", threads)
        self.assertIn(f"tid {self.server.pid},", threads)

    def test_exchanges_are_logged(self):
        self.ask("GET", "/quota/a%1B%0Ab")
        line = r'INFO:     127.0.0.1:\d+ - "GET /quota/a%1B%0Ab HTTP/1.1" 200 OK\n'

        def logged():  # the log is written behind the answers
            return re.search(line, self.server.log())
        eventually(logged)


class Workers(WireCase):
    """Routes that show or touch what workers hold."""

    def post(self, path: str, body: dict, method: str = "POST") -> tuple[int, dict]:
        status, answer = self.server.http(method, path, body)
        return status, json.loads(answer)

    def test_both_kinds_of_workers_are_shown(self):
        pool, engine = self.worker(), self.engine([Group(layers=2)])
        status = self.server.status()
        self.assertIn(pool.instance, status["registered_non_cuda_instance_ids"])
        self.assertIn(engine.instance, status["registered_gpu_ids"])
        meta = status["cache_context_meta"][str(engine.instance)]
        self.assertEqual((meta["model_name"], meta["world_size"]), (self.model, 1))
        self.assertGreater(meta["kv_cache_layout"]["cache_size_per_token"], 0)
        # Other suites' workers may still be registered on the shared server.
        self.assertEqual(status["worker_liveness"]["tracked_instances"],
                         len(status["registered_non_cuda_instance_ids"])
                         + len(status["registered_gpu_ids"]))
        self.assertGreaterEqual(len(status["zmq_gateway"]["clients"]), 1)

    def test_clear_leaves_what_is_read_unless_forced(self):
        worker = self.worker()
        tokens = self.tokens(3)
        worker.store(self.key(tokens))
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 3)
        self.assertEqual(self.post("/cache/clear", {})[0], 200)
        self.assertEqual(self.server.l1()["total_object_count"], 3)
        self.assertEqual(self.post("/cache/clear", {"force": True})[0], 200)
        self.assertEqual(self.server.l1()["total_object_count"], 0)

    def test_usage_of_a_salt_is_counted_for_its_quota(self):
        salt = f"salt-{self.number()}"
        worker = self.worker()
        worker.store(self.key(self.tokens(2), salt=salt))
        self.assertEqual(self.post(f"/quota/{salt}", {"limit_gb": 1}, "PUT")[0], 200)
        entry = json.loads(self.server.http("GET", f"/quota/{salt}")[1])
        self.assertGreater(entry["current_usage_gb"], 0)
        self.assertEqual(json.loads(self.server.http("GET", "/quota")[1])["users"][salt],
                         {name: entry[name] for name in ("limit_gb", "current_usage_gb")})
        self.server.http("DELETE", f"/quota/{salt}")

    def test_checksums_tell_contents_apart(self):
        engine = self.engine([Group(layers=2)])
        order = {"block_ids": [0, 1, 2, 5], "chunk_size": 2, "instance_id": engine.instance}
        status, first = self.post("/cache/checksums", order)
        self.assertEqual(status, 200, first)
        self.assertEqual(first["num_chunks"], 2)
        self.assertEqual(first["block_id_ranges"], [[0, 2], 5])
        self.assertEqual(len(first["chunk_checksums"]), 2)
        self.assertEqual(self.post("/cache/checksums", order)[1], first)
        engine.engine.fill(77)
        self.assertNotEqual(self.post("/cache/checksums", order)[1]["chunk_checksums"],
                            first["chunk_checksums"])
        layers = self.post("/cache/checksums", {**order, "layerwise": True})[1]["chunk_checksums"]
        self.assertEqual(list(layers), ["layer_0", "layer_1"])

    def test_checksums_refuse_what_they_cannot_read(self):
        engine = self.engine([Group(layers=1)])
        for change, expected in (({"instance_id": 1}, 404), ({"block_ids": []}, 400),
                                 ({"chunk_size": 0}, 400), ({"block_ids": [10**9]}, 500),
                                 ({"block_ids": [0] * 100000}, 400), ({"block_ids": ["x"]}, 422)):
            order = {"block_ids": [0], "chunk_size": 1, "instance_id": engine.instance, **change}
            status, _ = self.server.http("POST", "/cache/checksums", order)
            self.assertEqual(status, expected, change)


class Token(HttpCase):
    @classmethod
    def setUpClass(cls) -> None:
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write("  open-sesame\n")
        cls.addClassCleanup(os.unlink, file.name)
        cls.flags = ["--http-token-file", file.name, "--http-host", "0.0.0.0"]
        super().setUpClass()

    def test_only_probes_go_without(self):
        for path in ("/", "/healthcheck", "/periodic-threads-health"):
            self.assertEqual(self.ask("GET", path)[0], 200)
        for method, path in (("GET", "/status"), ("GET", "/config"), ("POST", "/cache/clear"),
                             ("GET", "/env"), ("DELETE", "/quota/a")):
            for headers in ({}, {"Authorization": "Bearer open-sesam"},
                            {"Authorization": "open-sesame"}):
                status, got, body = self.ask(method, path, None, headers)
                self.assertEqual(status, 401, path)
                self.assertEqual(got["www-authenticate"], "Bearer")
                self.assertIn("--http-token-file", json.loads(body)["error"])
            self.assertEqual(self.ask(method, path, None,
                                      {"Authorization": "Bearer open-sesame"})[0], 200, path)

    def test_the_token_is_shown_nowhere(self):
        token = {"Authorization": "Bearer open-sesame"}
        for path in ("/config", "/env", "/status"):
            self.assertNotIn(b"open-sesame", self.ask("GET", path, None, token)[2])
        self.assertNotIn("open-sesame", self.server.log())
        self.assertNotIn("is reachable from outside", self.server.log())


class OpenAddress(HttpCase):
    flags = ["--http-host", "0.0.0.0"]

    def test_only_what_changes_nothing_is_served(self):
        for path in ("/healthcheck", "/status", "/metrics", "/config", "/quota", "/loglevel"):
            self.assertEqual(self.ask("GET", path)[0], 200, path)
        for method, path in (("POST", "/cache/clear"), ("PUT", "/quota/a"), ("GET", "/env"),
                             ("DELETE", "/cache/objects"), ("GET", "/cache/objects"),
                             ("POST", "/metrics/reset"),
                             ("GET", "/loglevel?logger_name=lmcache&level=debug")):
            status, _, body = self.ask(method, path)
            self.assertEqual(status, 403, path)
            self.assertIn("--http-token-file", json.loads(body)["detail"])
        self.assertIn("is reachable from outside and has no token", self.server.log())


class Insecure(HttpCase):
    metrics_port, = free_ports(1)
    flags = ["--http-host", "0.0.0.0", "--http-insecure", "--prometheus-host", "127.0.0.1",
             "--prometheus-port", str(metrics_port)]

    def test_everything_is_served(self):
        self.assertEqual(self.ask("POST", "/cache/clear")[0], 200)
        self.assertIn("--http-insecure", self.server.log())

    def test_metrics_have_an_address_of_their_own(self):
        status, headers, body = self.ask("GET", "/metrics", port=self.metrics_port)
        self.assertEqual(status, 200)
        self.assertEqual(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertIn(b"process_open_fds", body)
        self.assertEqual(self.ask("GET", "/status", port=self.metrics_port)[0], 404)


class Misbehaviour(HttpCase):
    def test_silent_and_slow_clients_do_not_hold_up_others(self):
        silent = [self.raw() for _ in range(200)]
        for n, connection in enumerate(silent):
            connection.sendall(b"GET /status HTTP/1.1\r\nX: 1"[:n % 27])
        for _ in range(5):
            self.assertHealthy()
            self.assertEqual(self.ask("GET", "/status")[0], 200)

    def test_more_clients_than_it_keeps_push_out_the_longest_silent(self):
        many = [self.raw() for _ in range(400)]
        self.assertHealthy()
        self.assertEqual(self.ask("GET", "/status")[0], 200)
        self.assertEqual(many[0].recv(1), b"")

    def test_a_request_that_does_not_arrive_is_given_up(self):
        connection = self.raw()
        connection.sendall(b"GET / HTTP/1.1\r\n")
        begin = time.monotonic()
        answer = connection.recv(4096)
        self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer)
        self.assertLess(time.monotonic() - begin, 8)

    def test_a_client_that_does_not_read_is_given_up(self):
        connection = self.raw()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(15)
        connection.sendall(b"GET /config HTTP/1.1\r\n\r\n" * 2000)
        self.assertHealthy()
        poll = select.poll()
        poll.register(connection, 0)  # only whether it is over
        self.assertTrue(poll.poll(15000))

    def test_bodies_have_a_limit(self):
        status, headers, body = self.ask("POST", "/cache/clear", b"x" * (9 << 20),
                                         {"Content-Type": "application/json"})
        self.assertEqual(status, 413)
        self.assertIn("8388608", json.loads(body)["detail"])
        status, _, _ = self.ask("POST", "/cache/clear", b"[" * (8 << 20),
                                {"Content-Type": "application/json"})
        self.assertEqual(status, 422)

    def test_heads_have_a_limit(self):
        self.assertEqual(self.ask("GET", "/" + "x" * 5000)[0], 414)
        self.assertEqual(self.ask("GET", "/", None, {"X": "x" * 40000})[0], 431)
        self.assertEqual(self.ask("GET", "/" + "x" * 4000)[0], 404)

    def test_garbage_is_answered_and_cut(self):
        for garbage in (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET\r\n\r\n",
                        b"\xff" * 50 + b"\r\n\r\n",
                        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
            connection = self.raw()
            connection.sendall(garbage)
            self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 400 "), garbage)
            while connection.recv(4096):
                pass
        self.assertHealthy()

    def test_raw_probes_are_quiet(self):
        for _ in range(20):
            self.raw().close()
        self.assertHealthy()
        self.assertNotIn("error", self.server.log().lower())

    def test_one_connection_serves_many_requests_also_at_once(self):
        connection = self.raw()
        connection.sendall(b"GET /healthcheck HTTP/1.1\r\n\r\n" * 50
                           + b"GET /lmc_version HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        self.assertEqual(answer.count(b'{"status":"healthy"}'), 50)
        self.assertTrue(answer.endswith(b'"0.5.6"'))

    def test_permission_to_send_a_body_is_given(self):
        connection = self.raw()
        connection.sendall(b"POST /cache/clear HTTP/1.1\r\nContent-Type: application/json\r\n"
                           b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(connection.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"{}")
        self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_it_stops_although_a_request_is_half_sent(self):
        server = Server(BINARY, KIND, l1_gb=0.0625).start()
        self.addCleanup(server.kill)
        with socket.create_connection(("127.0.0.1", server.http_port), 10) as connection:
            connection.sendall(b"GET / HTTP")
            with Client(server.endpoint) as client:
                self.assertIs(client.ping(), True)
            begin = time.monotonic()
            server.stop()
            self.assertLess(time.monotonic() - begin, 8 * TIME_SCALE)


if KIND == "peer":  # the real server has neither tokens nor limits
    del Token, OpenAddress, Insecure, Misbehaviour, Workers
