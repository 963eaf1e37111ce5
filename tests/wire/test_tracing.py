"""Spans that go out to a receiver of OTLP: what a request's trace says, and what disturbs it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time

from .client import Client
from .harness import BINARY, CHUNK, TERMINATED, TIME_SCALE, PoolWorker, WireCase, eventually, \
    ours_only
from .otlp_receiver import GrpcReceiver, HttpReceiver
from .server import Server

ROOT_TYPES = {"session_id": "string_value", "hit_tokens": "int_value",
              "requested_tokens": "int_value", "hit_rate": "double_value",
              "l1_hit_tokens": "int_value", "l2_hit_tokens": "int_value",
              "l1_hit_rate": "double_value", "l2_hit_rate": "double_value",
              "l1_hit_keys": "int_value", "l2_hit_keys": "int_value",
              "early_exit_reason": "string_value"}


def values(span) -> dict:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def types(span) -> dict:
    return {a.key: a.value.WhichOneof("value") for a in span.attributes}


class Silence:
    """The client of a server that is gone."""

    def __getattr__(self, name):
        return lambda *args, **options: None


class TracingCase(WireCase):
    """Each test has a server and a receiver of its own."""

    receiver_kind: type = HttpReceiver

    @classmethod
    def setUpClass(cls) -> None:
        pass

    def setUp(self) -> None:
        self.model = f"org/model-{self.number()}"
        self.chunk = CHUNK
        self.requests = []
        self.receiver = self.receiver_kind()
        self.addCleanup(self.receiver.close)

    def start(self, *flags, **env) -> None:
        env = {"OTEL_BSP_SCHEDULE_DELAY": "100", **env}
        self.server = Server(BINARY, l1_gb=0.0625, chunk=CHUNK, env=env, flags=[
            "--prometheus-port", "0", "--otlp-endpoint", self.receiver.endpoint,
            "--otlp-protocol", self.receiver.protocol, "--enable-tracing", *flags]).start()
        self.client = Client(self.server.endpoint)
        self.addCleanup(self.server.discard)
        self.addCleanup(lambda: self.client.close())

    def tearDown(self) -> None:
        pass

    def stop(self) -> None:
        self.client.close()
        self.client = Silence()
        began = time.monotonic()
        self.assertEqual(self.server.stop(), TERMINATED)
        self.assertLess(time.monotonic() - began, 10 * TIME_SCALE)

    def spans(self, name: str, session: str | None = None) -> list:
        return [s for _, s in self.receiver.spans() if s.name == name
                and (session is None or values(s).get("session_id") == session)]

    def wait_for(self, name: str, session: str | None = None, count: int = 1) -> list:
        def spans_came():
            return len(self.spans(name, session)) >= count
        eventually(spans_came, 15)
        return self.spans(name, session)

    def served(self, worker: PoolWorker, tokens, *, tag: int = 0, configs=None) -> str:
        """A whole request: lookup, retrieve of what is there, store of the rest, end."""
        lookup = self.key(tokens, worker=None, configs=configs)
        request = lookup["request_id"]
        hits = self.client.hits(lookup)
        mine = self.key(tokens, request=request)
        if hits:
            worker.retrieve({**mine, "end": hits * CHUNK})
        worker.store(mine, tag)
        self.client.end_session(request)
        return request

    def metric(self, name: str, signal: str = "traces") -> float:
        text = self.server.http("GET", "/metrics")[1].decode()
        found = re.search(rf'^{name}{{signal="{signal}"}} (\S+)$', text, re.M)
        return float(found[1]) if found else 0.0


class Traces:
    def test_a_request_is_one_root_with_its_steps_below_it(self):
        self.start()
        worker = PoolWorker(self)
        tokens = self.tokens(4)
        first = self.served(worker, tokens[:3 * CHUNK])
        second = self.served(worker, tokens)
        root = self.wait_for("request", second)[0]
        self.assertEqual(len(self.spans("request", first)), 1)
        self.assertEqual(root.parent_span_id, b"")
        self.assertEqual((len(root.trace_id), len(root.span_id)), (16, 8))
        self.assertEqual((root.kind, root.flags, root.status.code), (1, 0x100, 0))
        self.assertEqual({k: t for k, t in types(root).items() if k in ROOT_TYPES}, ROOT_TYPES)
        told = values(root)
        self.assertEqual((told["requested_tokens"], told["hit_tokens"], told["hit_rate"]),
                         (4 * CHUNK, 3 * CHUNK, 0.75))
        children = [self.wait_for(name, second)[0] for name in
                    ("mp.lookup_prefetch", "mp.retrieve", "mp.store")]
        starts = [root.start_time_unix_nano]
        for child in children:
            self.assertEqual(child.parent_span_id, root.span_id, child.name)
            self.assertEqual(child.trace_id, root.trace_id, child.name)
            self.assertGreaterEqual(child.end_time_unix_nano, child.start_time_unix_nano)
            self.assertEqual(set(types(child).values()) - {"string_value"},
                             set() if child.name == "mp.lookup_prefetch" else {"int_value"})
            starts.append(child.start_time_unix_nano)
        self.assertEqual(starts, sorted(starts))
        self.assertLess(abs(root.start_time_unix_nano / 1e9 - time.time()), 120)
        self.assertEqual(values(children[0])["hit_tokens"], str(3 * CHUNK))
        self.assertEqual(values(children[1])["retrieved_count"], "3")
        self.assertEqual(values(children[2])["stored_count"], "1")
        self.assertEqual(values(children[2])["success"], "1")
        self.assertEqual(values(children[2])["device"], "cpu")
        self.assertRegex(values(children[2])["transfer_key"], re.escape(second) + r"#\d+$")
        self.assertNotEqual(self.spans("request", first)[0].trace_id, root.trace_id)
        scopes = {scope for scope, s in self.receiver.spans()}
        self.assertEqual(scopes, {"lmcache_mp.server"})
        resource = {a.key: a.value.string_value for a in
                    self.receiver.got["traces"][0].resource_spans[0].resource.attributes}
        self.assertEqual(resource["service.name"], "lmcache-mp")
        self.stop()
        ids = [s.span_id for _, s in self.receiver.spans()]
        self.assertEqual(len(ids), len(set(ids)))

    def test_a_session_that_ends_before_its_copy_keeps_its_end(self):
        self.start()
        worker = PoolWorker(self)
        lookup = self.key(self.tokens(1), worker=None)
        request = lookup["request_id"]
        self.client.hits(lookup)
        key = self.key(self.tokens(1), request=request)
        slots = self.client.prepare_store(key, worker.instance)["slots"]
        self.client.end_session(request)
        time.sleep(0.3)  # the copy takes a while; the root must not go out before it
        self.assertEqual(self.spans("request", request), [])
        worker.write(slots, [worker.content(0, 0)])
        self.client.commit_store(key, worker.instance)
        root = self.wait_for("request", request)[0]
        store = self.wait_for("mp.store", request)[0]
        self.assertGreaterEqual(values(root)["deferred_close_ms"], 250)
        self.assertLess(root.end_time_unix_nano, store.end_time_unix_nano)
        self.assertEqual(store.parent_span_id, root.span_id)
        self.stop()

    def test_what_is_open_is_closed_and_sent_at_the_end(self):
        self.start(OTEL_BSP_SCHEDULE_DELAY="60000")
        worker = PoolWorker(self)
        lookup = self.key(self.tokens(1), worker=None)
        self.client.hits(lookup)
        key = self.key(self.tokens(1), request=lookup["request_id"])
        self.client.prepare_store(key, worker.instance)
        self.assertEqual(self.receiver.spans(), [])
        self.stop()
        names = [s.name for _, s in self.receiver.spans()]
        self.assertEqual(sorted(names), ["mp.lookup_prefetch", "mp.store", "request"])
        self.assertEqual(names[-1], "request")  # children before parents
        store = self.spans("mp.store")[0]
        self.assertEqual(store.status.code, 2)
        self.assertEqual([e.name for e in store.events], ["exception"])
        self.assertIs(values(self.spans("request")[0])["lmcache.abandoned"], True)

    def test_a_worker_that_is_gone_ends_its_copies_with_an_error(self):
        self.start()
        other = Client(self.server.endpoint)
        worker = PoolWorker(self, client=other)
        lookup = self.key(self.tokens(1), worker=None)
        self.client.hits(lookup)
        key = self.key(self.tokens(1), request=lookup["request_id"])
        other.prepare_store(key, worker.instance)
        other.unregister_engine_driven(worker.instance)
        store = self.wait_for("mp.store", lookup["request_id"])[0]
        self.assertEqual((store.status.code, values(store)["success"]), (2, "0"))
        event = store.events[0]
        self.assertEqual(event.name, "exception")
        self.assertIn("worker is gone", {a.key: a.value.string_value for a in
                                         event.attributes}["exception.message"])
        self.client.end_session(lookup["request_id"])
        self.wait_for("request", lookup["request_id"])
        other.close()

    def test_a_client_that_is_gone_ends_its_requests(self):
        self.start()
        other = Client(self.server.endpoint)
        lookup = self.key(self.tokens(1), worker=None)
        other.lookup(lookup)
        other.close()
        root = self.wait_for("request", lookup["request_id"])[0]
        self.assertNotIn("lmcache.abandoned", values(root))

    def test_a_request_may_be_part_of_its_clients_trace(self):
        self.start("--log-format", "json", "--log-level", "DEBUG", "--trace-sample-rate", "0")
        worker = PoolWorker(self)
        trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        asked = self.served(worker, self.tokens(2), configs={
            "lmcache.traceparent": f"00-{trace}-{span}-01", "tracestate": "engine=7", "x": [1]})
        for configs in ({"traceparent": "nonsense"}, {"traceparent": 7}):
            self.served(worker, self.tokens(2), configs=configs)
        root = self.wait_for("request", asked)[0]
        self.assertEqual((root.trace_id.hex(), root.parent_span_id.hex()), (trace, span))
        self.assertEqual((root.kind, root.flags, root.trace_state), (2, 0x300, "engine=7"))
        self.assertEqual(self.wait_for("mp.store", asked)[0].trace_id.hex(), trace)
        self.stop()
        lines = [json.loads(line) for line in self.server.log().splitlines()
                 if line.startswith("{")]
        mine = [line for line in lines if line.get("request_id") == asked]
        self.assertTrue(mine)
        self.assertEqual({(line["trace_id"], line["span_id"]) for line in mine},
                         {(trace, root.span_id.hex())})

    def test_lines_of_the_log_name_the_trace_of_their_request(self):
        self.start("--log-format", "json", "--log-level", "DEBUG", "--otlp-logs")
        request = self.served(PoolWorker(self), self.tokens(2))
        root = self.wait_for("request", request)[0]
        self.stop()
        lines = [json.loads(line) for line in self.server.log().splitlines()
                 if line.startswith("{")]
        mine = [line for line in lines if line.get("request_id") == request]
        self.assertTrue(mine)
        self.assertEqual({(line["trace_id"], line["span_id"]) for line in mine},
                         {(root.trace_id.hex(), root.span_id.hex())})
        self.assertFalse([line for line in lines if "trace_id" in line
                          and "request_id" not in line])
        pushed = [r for _, r in self.receiver.records() if r.trace_id]
        self.assertTrue(pushed)
        self.assertEqual({(r.trace_id, r.span_id) for r in pushed},
                         {(root.trace_id, root.span_id)})

    def test_without_a_share_only_what_went_wrong_is_sent(self):
        self.start("--trace-sample-rate", "0")
        worker = PoolWorker(self)
        tokens = self.tokens(2)
        missed = self.served(worker, tokens)  # nothing was there
        fine = [self.served(worker, tokens) for _ in range(5)]
        broken = self.key(tokens + self.tokens(1, seed=9), worker=None)
        self.client.hits(broken)
        key = self.key(broken["token_ids"], request=broken["request_id"])
        self.client.prepare_store(key, worker.instance)
        self.client.unregister_engine_driven(worker.instance)
        self.client.end_session(broken["request_id"])
        self.wait_for("request", broken["request_id"])
        self.wait_for("request", missed)
        self.stop()
        sessions = {values(s)["session_id"] for s in self.spans("request")}
        self.assertFalse(sessions & set(fine))
        names = {s.name for s in (s for _, s in self.receiver.spans())
                 if values(s)["session_id"] == broken["request_id"]}
        self.assertEqual(names, {"request", "mp.lookup_prefetch", "mp.store"})

    def test_a_signal_that_the_receiver_does_not_know_is_left_alone(self):
        self.receiver.answers["traces"] = [self.unknown] * 100
        self.start("--otlp-logs", "--log-level", "DEBUG")
        worker = PoolWorker(self)
        for _ in range(20):
            self.served(worker, self.tokens(1))

        def told():
            return "OTLP export of traces" in self.server.log()
        eventually(told, 15)
        for _ in range(20):
            self.served(worker, self.tokens(1))
        time.sleep(0.5)
        self.assertEqual(len(self.receiver.got["traces"]), 1)
        self.assertEqual(self.server.log().count("OTLP export of traces"), 1)
        self.assertTrue(self.receiver.got["logs"])
        self.assertGreater(self.metric("lmcache_otlp_dropped_points_total"), 0)
        self.stop()

    def test_a_broken_receiver_costs_spans_and_nothing_else(self):
        self.receiver.answers["traces"] = list(self.nonsense)
        self.start(OTEL_EXPORTER_OTLP_TIMEOUT="1", OTEL_BSP_MAX_QUEUE_SIZE="32",
                   OTEL_BSP_MAX_EXPORT_BATCH_SIZE="8")
        worker = PoolWorker(self)
        tokens = self.tokens(1)
        for _ in range(60):
            self.served(worker, tokens)

        def dropped():
            return self.metric("lmcache_otlp_dropped_points_total") > 0
        eventually(dropped, 30)
        self.receiver.answers["traces"] = []
        later: set[str] = set()

        def recovered():
            later.add(self.served(worker, tokens))
            return later & {values(s)["session_id"] for s in self.spans("request")}
        eventually(recovered, 30)
        self.assertGreater(self.metric("lmcache_otlp_exported_points_total"), 0)
        self.stop()

    def test_loads_from_a_store_behind_l1_are_told_of(self):
        folder = tempfile.mkdtemp(prefix="actord-spans-")
        self.addCleanup(shutil.rmtree, folder)
        self.start("--l2-adapter", json.dumps({"type": "fs", "base_path": folder}))
        worker = PoolWorker(self)
        tokens = self.tokens(3)
        self.served(worker, tokens)
        store = self.wait_for("l2.store")[0]
        self.assertEqual(values(store)["l2_name"], "fs")
        self.assertEqual(store.parent_span_id, b"")
        self.client.clear(True)
        request = self.served(worker, tokens)
        root = self.wait_for("request", request)[0]
        lookup = self.wait_for("mp.lookup_prefetch", request)[0]
        load, asked = self.wait_for("l2.load", request)[0], self.wait_for("l2.lookup", request)[0]
        for each in (load, asked):
            self.assertEqual((each.trace_id, each.parent_span_id),
                             (root.trace_id, lookup.span_id))
            self.assertGreaterEqual(each.start_time_unix_nano, lookup.start_time_unix_nano)
            self.assertLessEqual(each.end_time_unix_nano, lookup.end_time_unix_nano)
        self.assertEqual(values(load)["succeeded_count"], 3)
        self.assertEqual(values(asked)["found_count"], 3)
        self.assertEqual(values(root)["l2_hit_tokens"], 3 * CHUNK)
        self.stop()


@ours_only
class TracesOverGrpc(Traces, TracingCase):
    receiver_kind = GrpcReceiver
    unknown = 12  # UNIMPLEMENTED
    nonsense = (14, 2, 8, "hang", "hang", 3)


@ours_only
class TracesOverHttp(Traces, TracingCase):
    receiver_kind = HttpReceiver
    unknown = 404
    nonsense = (503, 500, b"\x00\xff garbage", b"HTTP/1.1 200 OK\r\nContent-Length: zzz\r\n\r\n",
                "hang", "hang-up", 400)

    def test_nobody_there_holds_up_neither_requests_nor_the_end(self):
        self.receiver.close()
        self.start(OTEL_BSP_MAX_QUEUE_SIZE="16")
        worker = PoolWorker(self)
        for _ in range(50):
            self.served(worker, self.tokens(1))

        def dropped():
            return self.metric("lmcache_otlp_dropped_points_total") > 0
        eventually(dropped, 20)
        self.stop()

    def test_it_is_refused_without_an_endpoint(self):
        server = Server(BINARY, flags=["--enable-tracing"])
        ended = subprocess.run(server.command, capture_output=True, text=True, timeout=30,
                               check=False)
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(len(ended.stderr.splitlines()), 1, ended.stderr)
        self.assertIn("--enable-tracing requires --otlp-endpoint", ended.stderr)
