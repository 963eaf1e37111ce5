"""Engines that share prompts, stores that are slow, full, torn and forgetful, clients that die and
operators that clear: every byte that is served is right, no lookup waits for a time limit, and in
the end nothing is held and nothing is under way."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import threading
import time
import traceback

import zmq

from wire.client import Client
from wire.harness import (BINARY, CHUNK, TERMINATED, TIME_SCALE, PoolWorker, WireCase, eventually,
                          ours_only)
from wire.protocol import cache_key
from wire.server import Server

STORM_S = float(os.environ.get("ACTORD_STORM_S", "6"))  # of each kind of store
ENGINES, PROMPTS, CHUNKS, WORLD = 4, 8, 12, 2
MODEL = "storm"


class Engine:
    """A scheduler with two workers, in a thread of its own."""

    chunk, model = CHUNK, MODEL  # what its workers ask a test for

    def __init__(self, storm: "Storm", number: int):
        self.storm, self.number_, self.random = storm, number, random.Random(number)
        self.context = zmq.Context()
        self.lookups = self.served = 0
        self.slowest_s = 0.0
        self.connect()
        self.workers = [PoolWorker(self, instance=100 * number + rank + 1, world=WORLD, rank=rank,
                                   hidden=2048) for rank in range(WORLD)]

    def addCleanup(self, *_: object) -> None:
        """Workers die with the server."""

    def connect(self) -> None:
        self.client = Client(self.storm.server.endpoint, context=self.context)

    def run(self) -> None:
        try:
            while time.monotonic() < self.storm.end and not self.storm.faults:
                self.request()
        except Exception:
            self.storm.faults.append(traceback.format_exc())

    def key(self, tokens: list[int], request: str, worker: int | None) -> dict:
        return cache_key(tokens, model=MODEL, request=request, world=WORLD, worker=worker)

    def request(self) -> None:
        self.lookups += 1
        request = f"{self.number_}-{self.lookups}"
        prompt, chunks = self.random.randrange(PROMPTS), self.random.randint(1, CHUNKS)
        tokens = [prompt * 1000003 + 7 * i + 1 for i in range(chunks * CHUNK)]
        began = time.monotonic()
        hit = self.client.hits(self.key(tokens, request, None), timeout_s=60)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        what = self.random.random()
        if what < 0.05:
            self.die()
            return
        for worker in self.workers:
            if hit:
                self.read(worker, self.key(tokens[:hit * CHUNK], request, worker.rank), prompt)
            if hit < chunks:
                worker_key = self.key(tokens, request, worker.rank)
                slots = self.client.prepare_store(worker_key, worker.instance)
                worker.write(slots["slots"],
                             [worker.content(prompt, n) for n in slots["chunk_indices"]])
                if slots["chunk_indices"]:  # false after a forced clear
                    self.client.commit_store(worker_key, worker.instance)
        self.client.end_session(request)
        if what > 0.95:
            self.client.clear(what > 0.97)

    def read(self, worker: PoolWorker, key: dict, prompt: int) -> None:
        got = worker.retrieve(key)
        wrong = [n for n, data in enumerate(got or []) if data != worker.content(prompt, n)]
        if wrong:
            self.storm.faults.append(f"wrong bytes: prompt {prompt}, chunks {wrong}")
        self.served += len(got or [])

    def die(self) -> None:
        """With its lookup's locks; another takes its place."""
        self.client.close()
        self.connect()
        for worker in self.workers:
            worker.client = self.client
            self.client.register_engine_driven(worker.context)


class Storm(WireCase):
    @classmethod
    def setUpClass(cls) -> None:
        pass

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="actord-storm-")
        self.addCleanup(shutil.rmtree, self.folder)

    def tearDown(self) -> None:
        pass

    def fs(self, name: str, **more) -> dict:
        return {"type": "fs", "base_path": os.path.join(self.folder, name), **more}

    def storm(self, *adapters: dict, longest_s: float) -> list[dict]:
        flags = [word for each in adapters for word in ("--l2-adapter", json.dumps(each))]
        self.server = Server(BINARY, l1_gb=0.0625, chunk=CHUNK, flags=flags).start()
        self.faults: list[str] = []
        try:
            engines = [Engine(self, number) for number in range(1, ENGINES + 1)]
            self.end = time.monotonic() + STORM_S
            threads = [threading.Thread(target=engine.run) for engine in engines]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(self.faults, [])
            self.assertTrue(self.server.alive(), self.server.log()[-4000:])
            self.assertGreater(sum(engine.served for engine in engines), 0)
            self.assertLess(max(engine.slowest_s for engine in engines), longest_s * TIME_SCALE)
            for engine in engines:
                engine.client.close()
            self.assertNoLeases(20)
            eventually(self.idle, 20)
            adapters = self.server.status()["storage_manager"]["l2_adapters"]
            self.assertEqual(self.server.stop(30), TERMINATED)
            return adapters
        finally:
            self.server.discard()

    def idle(self) -> bool:
        adapters = self.server.status()["storage_manager"]["l2_adapters"]
        return not any(each["in_flight_tasks"] + each["locked_objects"] for each in adapters)


@ours_only
class Storms(Storm):
    def test_two_folders_that_evict(self):
        more = {"eviction": {"eviction_policy": "LRU"}, "cpp": {"max_capacity_gb": 0.05}}
        for each in self.storm(self.fs("a", **more), self.fs("b", **more), longest_s=10):
            self.assertEqual((each["breaker_opened"], each["failed_objects"]), (0, 0))

    def test_stores_with_faults(self):
        limits = {"load_timeout_ms": 2000, "lookup_timeout_ms": 500, "store_timeout_ms": 2000}
        faults = {"delay_ms": 20, "torn_write_rate": 0.1, "enospc_rate": 0.1, "hang_rate": 0.005}
        self.storm(*({"type": "fault_inject", "inner": self.fs(name), "rate": 0.2,
                      "seed": seed, "cpp": {**limits, **faults, "fault_seed": seed}}
                     for seed, name in enumerate("ab")), longest_s=10)

    def test_encrypted_folders(self):
        path = os.path.join(self.folder, "key")
        with open(path, "wb") as file:
            file.write(b"secret material of 32 bytes.....")
        serde = {"type": "aesgcm", "aes_bits": 256, "master_key_path": path}
        for each in self.storm(self.fs("a", serde=serde), longest_s=10):
            self.assertEqual((each["breaker_opened"], each["corrupt_objects"]), (0, 0))
