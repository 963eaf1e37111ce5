"""The event bus in the running daemon: its laws, and what is measured from events."""

import http.client
import json
import math

from . import pickles, test_metrics
from .harness import CHUNK, WireCase, eventually, ours_only
from .pickles import Tensor


class EventCase(WireCase):
    def status(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=10)
        connection.request("GET", "/status")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def bus_at_rest(self):
        """The bus's numbers once nothing waits."""
        def rest():
            bus = self.status()["event_bus"]
            waiting = bus["waiting"] + sum(s["waiting"] for s in bus["subscribers"])
            return bus if waiting == 0 else None
        return eventually(rest)

    ask = test_metrics.Metrics.ask
    samples = test_metrics.Metrics.samples
    grown = test_metrics.Metrics.grown

    def life(self):
        """A request that stores, finds and reads four chunks."""
        worker, tokens = self.worker(), self.tokens(4, seed=self.number())
        worker.store(self.key(tokens))
        again = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(again), 4)
        worker.retrieve(self.key(tokens, request=again["request_id"]))
        self.client.end_session(again["request_id"])
        return worker


@ours_only
class Everything(EventCase):
    """Every object is followed."""

    options = {"chunk": CHUNK, "flags": ["--metrics-sample-rate", "1"]}

    def test_the_laws_of_the_bus_hold(self):
        self.life()
        bus = self.bus_at_rest()
        self.assertGreater(bus["published"], 0)
        self.assertEqual(bus["published"], bus["dispatched"] + bus["dropped"])
        for one in bus["subscribers"]:
            self.assertEqual(one["dispatched"], one["handled"] + one["thrown"] + one["dropped"],
                             one["name"])
            self.assertEqual(one["thrown"], 0, one["name"])

    def test_lives_reuse_and_throughput_are_measured(self):
        before = self.samples()
        worker = self.life()
        self.server.http("POST", "/cache/clear")
        self.bus_at_rest()
        tag = {"l1_tag": "_default"}
        speed = {"device": "cpu", "engine_id": str(worker.instance), "model_name": self.model}
        for name, value, labels in [
                ("lmcache_mp_l1_chunk_reuse_gap_seconds_count", 4, tag),
                ("lmcache_mp_l1_chunk_lifetime_seconds_count", 4, tag),
                ("lmcache_mp_l1_chunk_idle_before_evict_seconds_count", 4, tag),
                ("lmcache_mp_real_reuse_gap_seconds_count", 4, {}),
                ("lmcache_mp_l0_l1_store_throughput_GB_per_second_count", 1, speed),
                ("lmcache_mp_l0_l1_load_throughput_GB_per_second_count", 1, speed)]:
            self.assertEqual(self.grown(before, name, **labels), value, name)

    def test_blocks_of_the_engine_are_followed(self):
        before = self.samples()
        instance, labels = 70, {"instance_id": "70", "model_name": self.model}
        for request, tokens in [("a", [1, 2, 3, 4]), ("b", [5, 6, 7, 8])]:
            self.client.call("report_block_allocation", instance, self.model,
                             [{"req_id": request, "new_block_ids": [9], "new_token_ids": tokens}])
        self.bus_at_rest()
        self.assertEqual(
            self.grown(before, "lmcache_mp_l0_block_lifetime_seconds_count", **labels), 1)

    def test_requests_are_timed_by_type(self):
        before = self.samples()
        self.life()
        for name in ("lmcache_mp_request_queue_wait_seconds_count",
                     "lmcache_mp_request_handler_seconds_count"):
            for kind in ("lookup", "prepare_store", "commit_store", "prepare_retrieve",
                         "commit_retrieve"):
                self.assertEqual(self.grown(before, name, request_type=kind), 1, (name, kind))

    def test_a_retrieve_without_a_lookup_is_a_failed_read(self):
        worker = self.worker()
        tokens = self.tokens(2, seed=self.number())
        before = self.samples()
        self.client.prepare_retrieve(self.key(tokens), worker.instance)
        self.assertEqual(
            self.grown(before, "lmcache_mp_l1_read_failure_chunks_total", during="l1_retrieve",
                       reason="not_found", model_name=self.model), 2)

    def test_the_log_of_kv_events_has_a_depth(self):
        before = self.samples()["lmcache_mp_kv_events_log_depth", frozenset()]
        self.life()
        self.assertEqual(self.grown({}, "lmcache_mp_kv_events_log_depth"), before + 4)

    def test_status_names_every_actor(self):
        names = {one["name"]: one for one in self.status()["actors"]}
        for name in ("l1-manager", "session", "engine-driven", "lmcache-driven", "kv-events",
                     "eviction-controller", "zmq-gateway", "event-bus", "quota", "supervisor",
                     "copier-0"):
            self.assertEqual(names[name]["restarts"], 0)


@ours_only
class Nothing(EventCase):
    options = {"chunk": CHUNK, "flags": ["--disable-observability"]}

    def test_there_is_no_bus(self):
        self.life()
        self.assertEqual(self.status()["event_bus"]["enabled"], False)
        self.assertNotIn("lmcache_mp", self.ask()[1].decode())


@ours_only
class Hasty(EventCase):
    """A millisecond for every request."""

    options = {"chunk": CHUNK, "flags": ["--request-timeout-seconds", "0.001"]}

    def test_what_is_not_answered_in_time_is_refused_and_counted(self):
        # A copy of 32 MiB takes longer; on a slow day other requests are late, too.
        shape = (2, 128, CHUNK, 4096)
        chunk = pickles.dump([Tensor(shape, "float16", bytes(2 * math.prod(shape)))])
        before = self.samples()

        def late():
            worker = self.worker(layers=shape[1], hidden=shape[3])
            key = self.key(self.tokens(1, seed=self.number()))
            answer = self.client.commit_store(key, worker.instance, chunk)
            counted = self.grown(before, "lmcache_mp_timeouts_total",
                                 exception_type="LMCacheTimeoutError")
            return answer is False and counted > 0

        eventually(late, 30)
        self.assertEqual(self.client.noop(), "OK")


@ours_only
class Small(EventCase):
    """A queue of one event."""

    options = {"chunk": CHUNK, "flags": ["--event-bus-queue-size", "1"]}

    def test_what_does_not_fit_is_dropped_and_counted_and_the_daemon_serves_on(self):
        for _ in range(5):
            self.life()
        bus = self.bus_at_rest()
        self.assertEqual(bus["published"], bus["dispatched"] + bus["dropped"])
        self.assertGreater(bus["dropped"], 0)
        self.assertEqual(self.samples()["lmcache_mp_event_bus_dropped_events_total", frozenset()],
                         bus["dropped"])


@ours_only
class Names(EventCase):
    options = {"chunk": CHUNK,
               "flags": ["--metrics-names", "v056", "--metrics-drop-labels", "model_name"]}

    def test_names_and_labels_are_chosen(self):
        self.life()
        text = self.ask()[1].decode()
        self.assertIn("lmcache_mp_l1_write_chunks_total", text)
        self.assertNotIn("lmcache_mp_l1_write_keys_total", text)
        self.assertIn("lmcache_mp_lookups_requests_total", text)
        self.assertNotIn("model_name=", text)
