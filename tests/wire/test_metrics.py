"""What /metrics counts of the life of a request, in both modes."""

import gzip
import http.client
import re

from .harness import WireCase, ours_only
from .paged import Group

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")


@ours_only
class Metrics(WireCase):
    def ask(self, path="/metrics", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=10)
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.getheaders(), body

    def samples(self):
        found = {}
        for line in self.ask()[1].decode().splitlines():
            if line and not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                found[name, frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))] = \
                    float(value)
        return found

    def grown(self, before, name, **labels):
        key = name, frozenset(labels.items())
        now = self.samples()
        self.assertIn(key, now)
        return now[key] - before.get(key, 0)

    def test_a_request_with_slots_is_counted_once_everywhere(self):
        worker, tokens = self.worker(), self.tokens(4)
        before = self.samples()
        model = {"model_name": self.model}
        tag = {"l1_tag": "_default"}
        size = 4 * self.chunk
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertEqual(worker.store(self.key(tokens)), [0, 1, 2, 3])
        again = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(again), 4)
        worker.retrieve(self.key(tokens, request=again["request_id"]))
        self.client.end_session(again["request_id"])
        for name, value, labels in [
                ("lmcache_mp_lookups_requests_total", 2, model),
                ("lmcache_mp_lookup_requested_tokens_total", 2 * size, model),
                ("lmcache_mp_lookup_hit_tokens_total", size, model),
                ("lmcache_mp_lookup_hit_l1_tokens_total", size, model),
                ("lmcache_mp_lookup_hit_l2_tokens_total", 0, model),
                ("lmcache_mp_lookup_hit_l1_keys_total", 4, model),
                ("lmcache_mp_sm_read_requests_total", 2, {}),
                ("lmcache_mp_sm_read_succeed_keys_total", 4, {}),
                ("lmcache_mp_sm_read_failed_keys_total", 4, {}),
                ("lmcache_mp_sm_write_requests_total", 1, {}),
                ("lmcache_mp_sm_write_succeed_keys_total", 4, {}),
                ("lmcache_mp_l1_write_chunks_total", 4, tag),
                ("lmcache_mp_l1_write_keys_total", 4, tag),
                ("lmcache_mp_l1_read_chunks_total", 4, tag),
                ("lmcache_mp_num_submitted_stores_total", 1, {"device": "cpu"}),
                ("lmcache_mp_num_finished_stores_total", 1, {"device": "cpu"}),
                ("lmcache_mp_num_submitted_retrieves_total", 1, {"device": "cpu"}),
                ("lmcache_mp_num_finished_retrieves_total", 1, {"device": "cpu"}),
                ("lmcache_mp_num_chunks_loaded_total", 4,
                 {"worker_id": str(worker.instance), **model}),
                ("lmcache_mp_l0_l1_store_throughput_GB_per_second_count", 1,
                 {"device": "cpu", "engine_id": str(worker.instance), **model})]:
            self.assertEqual(self.grown(before, name, **labels), value, name)
        self.server.http("POST", "/cache/clear")
        self.assertGreaterEqual(self.grown(before, "lmcache_mp_l1_evicted_chunks_total", **tag), 4)
        self.assertEqual(self.samples()["lmcache_mp_active_prefetch_jobs", frozenset()], 0)

    def test_copies_by_the_daemon_are_counted_and_a_failed_one_ends_too(self):
        worker = self.engine([Group(layers=2)])
        tokens, blocks = self.tokens(2), worker.engine.blocks_for(2, first_block=1)
        before = self.samples()
        self.assertIs(worker.store(self.key(tokens), blocks), True)
        self.assertIs(worker.retrieve(self.key(tokens), blocks), False)  # nothing was looked up
        for what, submitted, finished in (("stores", 1, 1), ("retrieves", 1, 1)):
            for step, value in (("submitted", submitted), ("finished", finished)):
                name = f"lmcache_mp_num_{step}_{what}_total"
                self.assertEqual(self.grown(before, name, device="cpu"), value, name)

    def test_the_levels_of_the_pool_are_shown(self):
        labels = frozenset({("l1_tag", "_default"), ("backend", "dram")})
        samples = self.samples()
        l1 = self.server.l1()
        self.assertEqual(samples["lmcache_mp_l1_memory_usage_bytes", labels],
                         l1["memory_used_bytes"])
        self.assertEqual(samples["lmcache_mp_l1_staging_bytes", labels], l1["staging_bytes"])

    def test_a_scraper_gets_the_format_and_families_it_asks_for(self):
        headers, body = self.ask(headers={"Accept": "application/openmetrics-text;version=1.0.0",
                                          "Accept-Encoding": "gzip"})
        self.assertEqual(dict(headers)["Content-Encoding"], "gzip")
        self.assertIn("openmetrics-text", dict(headers)["Content-Type"])
        self.assertTrue(gzip.decompress(body).decode().endswith("# EOF\n"))
        headers, body = self.ask("/metrics?name[]=lmcache_mp_l1_read_chunks_total")
        self.assertIn("text/plain; version=0.0.4", dict(headers)["Content-Type"])
        names = {SAMPLE.match(x).group(1) for x in body.decode().splitlines() if x[0] != "#"}
        self.assertEqual(names, {"lmcache_mp_l1_read_chunks_total"})
