"""Store, lose from L1, restart, look up, load, retrieve: the same bytes, for each kind of store."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile

from s3.harness import KEY_ID, SECRET, Moto

from .client import Client
from .harness import BINARY, CHUNK, PoolWorker, WireCase, eventually, ours_only
from .server import Server, free_ports


class StoreCase(WireCase):
    """A daemon of its own for each test, over whatever `adapter` says."""

    hidden = 256  # of its workers' layers

    @classmethod
    def setUpClass(cls) -> None:
        pass

    def setUp(self) -> None:
        self.model, self.chunk, self.requests = f"org/model-{self.number()}", CHUNK, []
        self.folder = tempfile.mkdtemp(prefix="actord-l2-")
        self.addCleanup(shutil.rmtree, self.folder)

    def tearDown(self) -> None:
        pass

    def start(self, adapter: dict, *flags: str) -> PoolWorker:
        self.server = Server(BINARY, l1_gb=0.0625, chunk=CHUNK,
                             flags=["--l2-adapter", json.dumps(adapter), *flags]).start()
        self.client = Client(self.server.endpoint)
        return PoolWorker(self, instance=5, hidden=self.hidden)

    def addCleanup(self, function, *args, **options) -> None:
        """Workers end with their servers."""
        if function.__name__ != "close":
            super().addCleanup(function, *args, **options)

    def end(self) -> None:
        self.client.close()
        self.server.stop(30)

    def adapter_status(self) -> dict:
        return self.server.status()["storage_manager"]["l2_adapters"][0]

    def check_served(self, worker: PoolWorker, tokens: list[int], tag: int) -> None:
        lookup = self.key(tokens, worker=None)
        chunks = len(tokens) // CHUNK
        self.assertEqual(self.client.hits(lookup), chunks)
        got = worker.retrieve(self.key(tokens, request=lookup["request_id"]))
        self.assertEqual(got, [worker.content(tag, n) for n in range(chunks)])
        self.client.end_session(lookup["request_id"])

    def chain(self, adapter: dict, *, restart: bool = True) -> None:
        tokens = self.tokens(6)
        worker = self.start(adapter)
        try:
            self.assertEqual(worker.store(self.key(tokens), 3), list(range(6)))

            def copied():
                return self.adapter_status()["stored_objects"] == 6
            eventually(copied, 10)
            self.client.clear(True)
            self.check_served(worker, tokens, 3)
            self.assertEqual(self.client.hits(self.key(self.tokens(2, 9), worker=None)), 0)
        finally:
            self.end()
        if not restart:
            return
        worker = self.start(adapter)
        try:
            self.check_served(worker, tokens, 3)
        finally:
            self.end()


@ours_only
class Redis(StoreCase):
    PASSWORD = "a pass:word"

    def setUp(self) -> None:
        super().setUp()
        (self.port,) = free_ports(1)
        self.redis = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", self.folder, "--requirepass", self.PASSWORD],
            stdout=subprocess.DEVNULL)
        self.addCleanup(self.stop_redis)

        def up():
            return subprocess.run(["redis-cli", "-p", str(self.port), "-a", self.PASSWORD, "ping"],
                                  capture_output=True, text=True).stdout.strip() == "PONG"
        eventually(up, 10)

    def stop_redis(self) -> None:
        self.redis.kill()
        self.redis.wait()

    def test_resp(self):
        self.chain({"type": "resp", "host": "127.0.0.1", "port": self.port,
                    "password": self.PASSWORD})

    def test_valkey(self):
        self.chain({"type": "valkey", "startup_nodes": f"127.0.0.1:{self.port}",
                    "password": self.PASSWORD, "key_prefix": "p1"})

    def test_a_wrong_password_ends_the_start(self):
        with self.assertRaises(RuntimeError) as refused:
            self.start({"type": "resp", "host": "127.0.0.1", "port": self.port,
                        "password": "wrong-secret"})
        self.assertIn("password", str(refused.exception))
        self.assertNotIn("wrong-secret", str(refused.exception).split("does not serve:")[1])

    def test_engines_are_served_while_redis_is_gone(self):
        worker = self.start({"type": "resp", "host": "127.0.0.1", "port": self.port,
                             "password": self.PASSWORD})
        try:
            tokens = self.tokens(3)
            worker.store(self.key(tokens), 1)
            self.redis.kill()
            self.redis.wait()
            more = self.tokens(3, 7)
            self.assertEqual(worker.store(self.key(more), 2), [0, 1, 2])
            self.check_served(worker, tokens, 1)
            self.check_served(worker, more, 2)
            self.assertEqual(self.client.hits(self.key(self.tokens(2, 8), worker=None)), 0)
        finally:
            self.end()


@ours_only
class Buckets(StoreCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.moto = Moto()
        cls.addClassCleanup(cls.moto.stop)
        cls.moto.client("s3").create_bucket(Bucket="pool")

    def test_s3(self):
        self.chain({"type": "s3", "s3_endpoint": f"s3://pool.127.0.0.1:{self.moto.port}",
                    "s3_region": "us-east-1", "disable_tls": True, "aws_access_key_id": KEY_ID,
                    "aws_secret_access_key": SECRET, "cpp": {"path_style": True}})


@ours_only
class Devices(StoreCase):
    """A file of fixed size in place of a block device."""

    def adapter(self, **more) -> dict:
        path = os.path.join(self.folder, "device.img")
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.truncate(64 << 20)
        return {"type": "raw_block", "device_path": path, "slot_bytes": 1 << 20,
                "meta_total_bytes": 4 << 20, **more}

    def test_raw_block(self):
        self.chain(self.adapter())

    def test_raw_block_through_the_page_cache(self):
        self.chain(self.adapter(use_odirect=False))

    def test_two_daemons_never_share_a_device(self):
        self.start(self.adapter())
        first = self.server, self.client
        try:
            with self.assertRaises(RuntimeError) as refused:
                self.start(self.adapter())
            self.assertIn("device.img", str(refused.exception))
        finally:
            self.server, self.client = first
            self.end()


@ours_only
class Wrapped(StoreCase):
    def key_file(self) -> str:
        path = os.path.join(self.folder, "master.key")
        with open(path, "wb") as file:
            file.write(base64.b64decode("c2VjcmV0IG1hdGVyaWFsIG9mIDMyIGJ5dGVzLi4uLi4="))
        return path

    def fs(self, **more) -> dict:
        return {"type": "fs", "base_path": os.path.join(self.folder, "kv"), **more}

    def test_encrypted_files(self):
        self.chain(self.fs(serde={"type": "aesgcm", "aes_bits": 256,
                                  "master_key_path": self.key_file()}))

    def test_files_in_shards_past_the_page_cache(self):
        self.chain(self.fs(use_odirect=True, cpp={"shard_dirs": True, "fsync": "all"}))

    def test_mock(self):
        self.chain({"type": "mock", "max_size_gb": 1, "mock_bandwidth_gb": 10}, restart=False)

    def test_an_adapter_that_hangs_keeps_nobody_else_waiting(self):
        adapter = {"type": "fault_inject", "inner": self.fs(),
                   "cpp": {"hang_rate": 1, "load_timeout_ms": 2000, "lookup_timeout_ms": 500,
                           "store_timeout_ms": 2000}}
        worker = self.start(adapter)
        try:
            tokens = self.tokens(3)
            worker.store(self.key(tokens), 1)
            lookup = self.key(self.tokens(2, 7), worker=None)
            self.client.lookup(lookup)
            self.check_served(worker, tokens, 1)  # an L1 hit does not meet the store
            self.assertEqual(self.client.call("wait_prefetch_status", lookup["request_id"], 8.0), 0)
            self.client.end_session(lookup["request_id"])
        finally:
            self.end()
