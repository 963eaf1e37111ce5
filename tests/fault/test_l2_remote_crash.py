"""The daemon is killed at every point of what it says to a remote store, torn commands and parts
among them; after each restart every byte that is served is the one that was stored, and everything
else is a miss."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess

from s3.harness import KEY_ID, SECRET, Moto

from wire.harness import PoolWorker, eventually, ours_only
from wire.server import free_ports

from .deadly_proxy import DeadlyProxy, Point
from .test_l2_crash import CHUNKS, CRASHES, CrashCase

LARGE = 65536  # of a chunk, whose object then has 8 MiB: two parts


class RemoteCrashes(CrashCase):
    """`words` are the begins of what a store is asked."""

    words: list[bytes] = []

    def points(self, total_bytes: int):
        """Begin, middle, end of each command and what lies after it, in turn; and anywhere."""
        for nth in itertools.count(1):
            for word in self.words:
                for offset, answered in ((0, False), (1, False), (len(word) + 40, False),
                                         (len(word) + 400, False), (5000, False), (0, True)):
                    yield Point(offset, word, 1 + nth % 6, answered)
            for _ in range(6):
                yield Point(self.random.randrange(total_bytes))

    def remote_crash(self, adapter, port: int, crashes: int, stores: int = 3,
                     hidden: int = 2048, chunks: int = CHUNKS) -> None:
        self.hidden, self.chunks = hidden, chunks
        proxy = DeadlyProxy(port)
        self.addCleanup(proxy.stop)
        seeds: list[int] = []
        deaths = served = 0
        total = stores * chunks * 2 * 16 * hidden * 2 * 2
        points = self.points(total)
        for crash in range(crashes):
            worker = self.start(adapter(proxy.port))
            try:
                if crash == 0:
                    self.store_whole(worker, seeds)
                served += self.check(worker, seeds[-stores:])
                proxy.hold()
                for _ in range(stores):
                    seeds.append(len(seeds) + 1)
                    worker.store(self.key(self.tokens(chunks, seeds[-1])), seeds[-1])
                proxy.arm(next(points), lambda: os.kill(self.server.pid, signal.SIGKILL))
                deaths += self.dies_or_idles()
                self.server.kill()
            finally:
                proxy.forget()
                self.forget_server()
        worker = self.start(adapter(proxy.port))
        try:
            served += self.check(worker, seeds[-60:])
        finally:
            self.forget_server()
        self.assertGreater(served, 0, "no store ever ended before the daemon was killed")
        self.assertGreater(deaths, crashes // 2, "most points never came")

    def store_whole(self, worker: PoolWorker, seeds: list[int]) -> None:
        seeds.append(1)
        worker.store(self.key(self.tokens(self.chunks, 1)), 1)

        def copied():
            return self.server.status()["storage_manager"]["l2_adapters"][0]["stored_objects"]
        eventually(lambda: copied() == self.chunks, 20)

    def dies_or_idles(self) -> bool:
        """Until the daemon is dead, or has copied everything: then its point never came."""
        def over():
            try:
                state = self.server.status()["storage_manager"]["store_controller"]
            except (OSError, RuntimeError, ValueError):
                state = None
            if not self.server.alive():
                return "dead"
            if state and state["pending_keys_count"] + state["in_flight_task_count"] == 0:
                return "idle"
            return ""
        return eventually(over, 20) == "dead"


@ours_only
class RedisCrashes(RemoteCrashes):
    words = [b"\r\nSET\r\n"]

    def setUp(self) -> None:
        super().setUp()
        (self.port,) = free_ports(1)
        self.redis = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru",
             "--dir", self.folder], stdout=subprocess.DEVNULL)
        self.addCleanup(self.stop_redis)

        def up():
            return subprocess.run(["redis-cli", "-p", str(self.port), "ping"],
                                  capture_output=True, text=True).stdout.strip() == "PONG"
        eventually(up, 10)

    def stop_redis(self) -> None:
        self.redis.kill()
        self.redis.wait()

    def test_values(self):
        self.remote_crash(lambda port: {"type": "resp", "host": "127.0.0.1", "port": port},
                          self.port, CRASHES)

    def test_values_with_checksums(self):
        self.remote_crash(lambda port: {"type": "resp", "host": "127.0.0.1", "port": port,
                                        "cpp": {"checksums": True}}, self.port,
                          max(5, CRASHES // 4))


@ours_only
class BucketCrashes(RemoteCrashes):
    @classmethod
    def setUpClass(cls) -> None:
        cls.moto = Moto()
        cls.addClassCleanup(cls.moto.stop)
        cls.moto.client("s3").create_bucket(Bucket="pool")

    @staticmethod
    def adapter(port: int) -> dict:
        return {"type": "s3", "s3_endpoint": f"s3://pool.127.0.0.1:{port}",
                "s3_region": "us-east-1", "disable_tls": True, "aws_access_key_id": KEY_ID,
                "aws_secret_access_key": SECRET,
                "cpp": {"path_style": True, "multipart_threshold_bytes": 5 << 20,
                        "multipart_part_bytes": 5 << 20}}

    def test_objects(self):
        self.words = [b"PUT /"]
        self.remote_crash(self.adapter, self.moto.port, CRASHES)

    def test_objects_in_parts(self):
        self.words = [b"?uploads", b"?partNumber=2", b"<CompleteMultipartUpload>", b"?uploadId="]
        self.remote_crash(self.adapter, self.moto.port, max(10, CRASHES // 4), stores=1,
                          hidden=LARGE, chunks=2)
