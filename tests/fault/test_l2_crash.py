"""The daemon is killed while it copies to a store; after each restart every byte that is served is
the one that was stored, and everything else is a miss."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time

from wire.client import Client
from wire.harness import BINARY, CHUNK, PoolWorker, WireCase, ours_only
from wire.server import Server

CRASHES = int(os.environ.get("ACTORD_CRASHES", "20"))  # per kind of store
CHUNKS = 4


class CrashCase(WireCase):
    """A daemon of its own each time, and what it must serve then."""

    hidden, chunks = 2048, CHUNKS  # 256 KiB a chunk

    @classmethod
    def setUpClass(cls) -> None:
        pass

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="actord-crash-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.model, self.chunk, self.requests = "crash", CHUNK, []
        self.random = random.Random(20261127)

    def tearDown(self) -> None:
        pass

    def start(self, adapter: dict) -> PoolWorker:
        self.server = Server(BINARY, l1_gb=0.0625, chunk=CHUNK,
                             flags=["--l2-adapter", json.dumps(adapter)]).start()
        self.client = Client(self.server.endpoint)
        return PoolWorker(self, instance=5, hidden=self.hidden)

    def forget_server(self) -> None:
        self.client.close()
        self.server.discard()

    def addCleanup(self, function, *args, **options) -> None:
        """Workers die with their servers."""
        if function.__name__ != "close":
            super().addCleanup(function, *args, **options)

    def check(self, worker: PoolWorker, seeds: list[int]) -> int:
        """Chunks that are served; each has the bytes that its seed's store wrote."""
        served = 0
        for seed in seeds:
            tokens = self.tokens(self.chunks, seed)
            lookup = self.key(tokens, worker=None)
            hit = self.client.hits(lookup)
            if hit:
                key = self.key(tokens[:hit * CHUNK], request=lookup["request_id"])
                self.assertEqual(worker.retrieve(key),
                                 [worker.content(seed, n) for n in range(hit)], f"seed {seed}")
            served += hit
            self.client.end_session(lookup["request_id"])
        return served


@ours_only
class Crashes(CrashCase):
    def crash(self, adapter: dict, seeds: list[int] | None = None) -> None:
        seeds = seeds or []
        served = 0
        for crash in range(CRASHES):
            worker = self.start(adapter)
            try:
                served = self.check(worker, seeds[-6:])
                for _ in range(3):
                    seeds.append(len(seeds) + 1)
                    worker.store(self.key(self.tokens(CHUNKS, seeds[-1])), seeds[-1])
                time.sleep(self.random.random() * 0.02)
                self.server.kill()
            finally:
                self.forget_server()
        worker = self.start(adapter)
        try:
            served = self.check(worker, seeds)
        finally:
            self.forget_server()
        self.assertGreater(served, 0, "no store ever ended before the daemon was killed")

    def test_files(self):
        self.crash({"type": "fs", "base_path": self.folder})

    def test_a_device(self):
        path = os.path.join(self.folder, "device.img")
        with open(path, "wb") as file:
            file.truncate(256 << 20)
        adapter = {"type": "raw_block", "device_path": path, "slot_bytes": 512 << 10,
                   "meta_total_bytes": 4 << 20, "meta_checkpoint_interval_sec": 1,
                   "meta_idle_quiet_ms": 0}
        # What was stored since the last checkpoint is lost: something must have been stored before.
        worker = self.start(adapter)
        for seed in (1, 2):
            worker.store(self.key(self.tokens(CHUNKS, seed)), seed)
        self.client.close()
        self.server.stop()
        self.crash(adapter, [1, 2])

    def test_files_past_the_page_cache_in_shards(self):
        self.crash({"type": "fs", "base_path": self.folder, "use_odirect": True,
                    "cpp": {"shard_dirs": True}})
