"""What the suites share: the server under test, workers, and waiting for a state."""

from __future__ import annotations

import itertools
import mmap
import os
import signal
import subprocess
import time
import unittest

from .client import Client
from .paged import Engine
from .protocol import cache_key, engine_driven_context
from .server import Server

CHUNK = 16
BINARY = os.environ.get("ACTORD_BINARY", "build/release/lmcache-actord")
KIND = os.environ.get("ACTORD_KIND", "daemon")
TIME_SCALE = float(os.environ.get("ACTORD_TIME_SCALE", "1"))  # sanitizer builds are slower

TERMINATED = -signal.SIGTERM  # a clean end, then the signal's own

_numbers = itertools.count(1)
_servers: dict[tuple, Server] = {}

# Where the real server differs on purpose (it stays silent, leaks or crashes).
ours_only = unittest.skipIf(KIND == "peer", "the daemon answers here, the real server does not")


def shared_server(**options) -> Server:
    """A server for these options, started once per run and kept until stop_servers()."""
    slot = tuple(sorted((k, tuple(v) if isinstance(v, list) else v) for k, v in options.items()))
    if slot not in _servers or not _servers[slot].alive():
        _servers[slot] = Server(BINARY, KIND, **options).start()
    return _servers[slot]


def stop_servers() -> list[str]:
    """Stops all shared servers; returns what went wrong while stopping."""
    faults = []
    for server in _servers.values():
        if not server.alive():
            faults.append(f"{' '.join(server.command)} ended by itself with exit status "
                          f"{server.process.returncode}: {server.log()[-2000:]}")
            continue
        try:
            code = server.stop()
        except subprocess.TimeoutExpired as late:
            faults.append(f"no end after SIGTERM within {late.timeout} s")
            continue
        if code != TERMINATED:
            faults.append(f"exit status {code} after SIGTERM: {server.log()[-2000:]}")
        faults += [f"{p} left behind" for p in server.pools if os.path.exists(p)]
    _servers.clear()
    return faults


def eventually(probe, timeout_s: float = 5.0):
    """The first true answer of probe; raises AssertionError with the last answer otherwise."""
    deadline = time.monotonic() + timeout_s * TIME_SCALE
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{probe.__name__}: still {answer!r} after {timeout_s} s")
        time.sleep(0.01)
    return answer


def settle() -> None:
    """The real server answers a store shortly before it is visible; the daemon does not."""
    if KIND == "peer":
        time.sleep(0.1)


class WireCase(unittest.TestCase):
    """A test against the shared server of its class; every test has its own model name."""

    options: dict = {"chunk": CHUNK}

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = shared_server(**cls.options)

    def setUp(self) -> None:
        self.server = type(self).server = shared_server(**self.options)
        self.model = f"model-{next(_numbers)}"
        self.chunk = self.server.chunk
        self.requests: list[str] = []
        self.addCleanup(self._check_nothing_is_held)
        self.client = self.connect()
        self.addCleanup(self._end_requests)
        self.client.clear(True)

    def tearDown(self) -> None:
        self.assertTrue(self.server.alive(), "the server died:\n" + self.server.log()[-4000:])

    def connect(self, **options) -> Client:
        client = Client(self.server.endpoint, **options)
        self.addCleanup(self._close, client)
        return client

    def _close(self, client: Client) -> None:
        client.close()
        self.assertEqual(client.unexpected, [], "replies that nobody asked for")

    def _end_requests(self) -> None:
        if KIND == "peer":
            return  # stays silent once the model's last worker is gone
        for request in self.requests:
            self.client.end_session(request)

    def _check_nothing_is_held(self) -> None:
        if KIND != "peer" and self.server.alive():
            self.assertNoLeases()

    def number(self) -> int:
        return next(_numbers)

    def request(self) -> str:
        self.requests.append(f"request-{next(_numbers)}")
        return self.requests[-1]

    def tokens(self, chunks: float, seed: int = 0) -> list[int]:
        """Tokens of that many chunks; another seed differs from the first token on."""
        first = seed * 1000003 % 2**31  # a token has 32 bits, however many tests drew a number
        return [first + 7 * i + 1 for i in range(int(chunks * self.chunk))]

    def key(self, tokens, **fields) -> dict:
        fields.setdefault("model", self.model)
        fields.setdefault("request", self.request())
        return cache_key(tokens, **fields)

    def worker(self, **options) -> "PoolWorker":
        return PoolWorker(self, **options)

    def engine(self, groups, *, instance: int | None = None, world: int = 1, client=None,
               hints: dict | None = None, infos=None, seed: int | None = None,
               **options) -> "EngineWorker":
        return EngineWorker(self, Engine(groups, self.chunk, **options), instance, world, client,
                            hints, infos, seed)

    def assertNoLeases(self, timeout_s: float = 5.0) -> None:
        def no_leases():
            return not any(self.server.leases().values())
        try:
            eventually(no_leases, timeout_s)
        except AssertionError:
            self.fail(f"still held after {timeout_s} s: {self.server.leases()}")


class PoolWorker:
    """An engine-driven worker: registered, with the pool mapped."""

    def __init__(self, case: WireCase, *, instance: int | None = None, client=None,
                 world: int = 1, rank: int = 0, **layout):
        self.case, self.client = case, client or case.client
        self.instance = instance or 1000 + case.number()
        self.rank = rank
        self.context = engine_driven_context(self.instance, layout.pop("model", case.model),
                                             world=world, **layout)
        self.answer = self.client.register_engine_driven(self.context)
        self.pool = self._map() if self.answer["shm_name"] else None
        case.addCleanup(self.close)

    def _map(self) -> mmap.mmap:
        fd = os.open("/dev/shm/" + self.answer["shm_name"], os.O_RDWR)
        try:
            return mmap.mmap(fd, self.answer["pool_size"])
        finally:
            os.close(fd)

    def close(self) -> None:
        if self.pool:
            self.pool.close()
        self.case.client.unregister_engine_driven(self.instance)

    def chunk_bytes(self, case_chunk: int) -> int:
        c = self.context
        slots = c["num_physical_slots"] or case_chunk
        item = {"float16": 2, "bfloat16": 2, "half": 2, "float32": 4, "uint8": 1}[c["dtype_str"]]
        planes = 1 if c["use_mla"] else 2
        return planes * c["num_layers"] * slots * c["hidden_dim_size"] * item

    def content(self, tag: int, chunk_index: int) -> bytes:
        """Bytes that differ per instance-chosen tag, rank and chunk."""
        size = self.chunk_bytes(self.case.chunk)
        pattern = (f"{tag}/{self.rank}/{chunk_index}|").encode()
        return (pattern * (size // len(pattern) + 1))[:size]

    def write(self, slots: list[dict], chunks: list[bytes]) -> None:
        for slot, data in zip(slots, chunks, strict=True):
            assert slot["length"] == len(data), (slot, len(data))
            self.pool[slot["offset"]:slot["offset"] + slot["length"]] = data

    def read(self, slots: list[dict]) -> list[bytes]:
        return [self.pool[s["offset"]:s["offset"] + s["length"]] for s in slots]

    def store(self, key: dict, tag: int = 0) -> list[int]:
        """The whole store; returns the chunk indices that had to be written."""
        context = self.client.prepare_store(key, self.instance)
        chunks = context["chunk_indices"]
        if chunks:
            first = key["start"] // self.case.chunk
            self.write(context["slots"], [self.content(tag, first + c) for c in chunks])
            assert self.client.commit_store(key, self.instance) is True
            settle()
        return chunks

    def retrieve(self, key: dict) -> list[bytes] | None:
        answer = self.client.prepare_retrieve(key, self.instance)
        if not answer["success"]:
            return None
        data = self.read(answer["context"]["slots"])
        assert self.client.commit_retrieve(key, self.instance) is True
        return data


class EngineWorker:
    """An LMCache-driven worker: its paged memory, registered with the server."""

    def __init__(self, case: WireCase, engine: Engine, instance: int | None, world: int,
                 client, hints: dict | None, infos, seed: int | None):
        self.case, self.engine, self.client = case, engine, client or case.client
        self.instance = instance or 1000 + case.number()
        case.addCleanup(self.close)
        engine.fill(self.instance if seed is None else seed)
        self.client.register_kv_cache(self.instance, engine.handles, case.model, world,
                                      engine.hints if hints is None else hints,
                                      engine.infos if infos is None else infos)

    def close(self) -> None:
        if self.engine.segments:
            try:
                self.case.client.unregister_kv_cache(self.instance)
            finally:
                self.engine.close()

    def store(self, key: dict, blocks: list[list[int]]) -> bool:
        done = self.client.store(key, self.instance, blocks)
        settle()
        return done

    def retrieve(self, key: dict, blocks: list[list[int]], skip: int = 0) -> bool:
        done = self.client.retrieve(key, self.instance, blocks, skip)
        settle()
        return done
