"""The measured paths: each returns one figure of one server for one round.

Messages are encoded before the clock starts, so that the client's encoding is not counted.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import statistics
import subprocess
import time

from wire.client import EVENT_HANDLE, Client
from wire.paged import Engine, Group
from wire.protocol import cache_key, engine_driven_context, operation, pack, unpack
from wire.server import Server

CHUNK = 256
CHUNKS = 32
TOKENS = CHUNK * CHUNKS
MODEL = "bench/model"
INSTANCE = 1
COPY_BYTES = 64 << 20

_numbers = itertools.count(1)
Encoded = tuple[bytes, list[bytes]]


def encoded(name: str, *payloads) -> Encoded:
    return operation(name), [pack(p) for p in payloads]


def tokens(seed: int, count: int = TOKENS) -> list[int]:
    """Token ids as a model has them (most need three bytes); another seed shares no prefix."""
    return [(seed * 7919 + 31 * i) % 128_000 for i in range(count)]


class Bench:
    """One server with a connection to it and what the paths keep between rounds."""

    def __init__(self, server: Server, load: str, iterations: int):
        self.server, self.load, self.iterations = server, load, iterations
        self.floor = server.kind == "floor"
        self.client = Client(server.endpoint)
        self.seeds = itertools.count(1000)
        if not self.floor:
            self.client.register_engine_driven(
                engine_driven_context(INSTANCE, MODEL, layers=1, hidden=16))

    def close(self) -> None:
        self.client.close()

    def call(self, message: Encoded):
        return self.client.wait(self.client.submit_encoded(*message))

    def timed(self, message: Encoded) -> tuple[float, object]:
        """Milliseconds from the send to the reply, and the reply."""
        client = self.client
        began = time.perf_counter()
        uid = client.submit_encoded(*message)
        reply = client.wait_reply(uid)
        took = time.perf_counter() - began
        client._sent.pop(uid)
        return took * 1e3, None if reply.body is None else unpack(reply.body)

    def key(self, seed: int, request: str | None = None, worker: int | None = 0) -> dict:
        return cache_key(tokens(seed), model=MODEL, worker=worker,
                         request=request or f"bench-{next(_numbers)}")

    def reset(self) -> None:
        if not self.floor:
            self.client.clear(True)

    def stored(self, seed: int) -> None:
        """Makes the chunks of a seed resident."""
        if self.floor:
            return
        key = self.key(seed)
        if self.client.prepare_store(key, INSTANCE)["slots"]:
            assert self.client.commit_store(key, INSTANCE)
        deadline = time.monotonic() + 5
        while True:  # the real server answers a store before it is visible
            lookup = self.key(seed, worker=None)
            found = self.client.hits(lookup)
            self.client.free_locks(lookup, 0, TOKENS)
            self.client.end_session(lookup["request_id"])
            if found == CHUNKS:
                return
            assert time.monotonic() < deadline, f"only {found} chunks were stored"

    # Paths

    def noop_per_second(self) -> float:
        calls = 20_000 if self.server.kind == "peer" else 200_000
        out = subprocess.run([self.load, self.server.endpoint, str(calls), "64"], check=True,
                             capture_output=True, text=True)
        return float(out.stdout)

    def resolve(self, lookup: Encoded, status: Encoded) -> tuple[float, int]:
        """Milliseconds from the lookup to its final answer, and the answer."""
        client = self.client
        began = time.perf_counter()
        uid = client.submit_encoded(*lookup)
        client.wait_reply(uid)
        client._sent.pop(uid)
        while True:
            uid = client.submit_encoded(*status)
            reply = client.wait_reply(uid)
            client._sent.pop(uid)
            if reply.body is not None:
                break
        return (time.perf_counter() - began) * 1e3, unpack(reply.body)

    def lookup_ms(self) -> float:
        self.stored(1)
        took = []
        for _ in range(self.iterations):
            key = self.key(1, worker=None)
            request = key["request_id"]
            messages = (encoded("lookup", key, 1), encoded("query_prefetch_status", request))
            ms, found = self.resolve(*messages)
            assert found == CHUNKS, f"{found} of {CHUNKS} chunks"
            took.append(ms)
            self.call(encoded("free_lookup_locks", key, 1))
            self.call(encoded("end_session", request))
        return statistics.median(took)

    def store_ms(self) -> tuple[float, float]:
        """prepare_store and commit_store of new chunks."""
        self.reset()
        prepare, commit = [], []
        for _ in range(self.iterations):
            key = self.key(next(self.seeds))
            messages = (encoded("prepare_store", key, INSTANCE),
                        encoded("commit_store", key, INSTANCE, b""))
            ms, answer = self.timed(messages[0])
            assert len(answer["context"]["slots"]) == CHUNKS
            prepare.append(ms)
            ms, answer = self.timed(messages[1])
            assert answer is True
            commit.append(ms)
            self.call(encoded("end_session", key["request_id"]))
        return statistics.median(prepare), statistics.median(commit)

    def retrieve_ms(self) -> tuple[float, float]:
        """prepare_retrieve and commit_retrieve of resident chunks."""
        self.stored(2)
        prepare, commit = [], []
        for _ in range(self.iterations):
            key = self.key(2)
            messages = (encoded("prepare_retrieve", key, INSTANCE),
                        encoded("commit_retrieve", key, INSTANCE))
            self.resolve(encoded("lookup", {**key, "worker_id": None}, 1),
                         encoded("query_prefetch_status", key["request_id"]))
            ms, answer = self.timed(messages[0])
            assert answer["success"] and len(answer["context"]["slots"]) == CHUNKS
            prepare.append(ms)
            ms, answer = self.timed(messages[1])
            commit.append(ms)
            self.call(encoded("end_session", key["request_id"]))
        return statistics.median(prepare), statistics.median(commit)

    def misses_per_second(self) -> float:
        """Whole cycles of lookup, result and end of prompts that nobody stored."""
        cycles = []
        for _ in range(self.iterations):
            key = self.key(next(self.seeds) + 10**6, worker=None)
            cycles.append((encoded("lookup", key, 1),
                           encoded("query_prefetch_status", key["request_id"]),
                           encoded("end_session", key["request_id"])))
        began = time.perf_counter()
        for lookup, status, end in cycles:
            self.resolve(lookup, status)
            self.call(end)
        return len(cycles) / (time.perf_counter() - began)

    def copy_gb_per_second(self, form: str) -> tuple[float, float]:
        """LMCache-driven store and retrieve of COPY_BYTES."""
        self.reset()
        group = Group(layers=4, form=form, dtype="bfloat16", heads=8, head_size=128,
                      block_slots=16, blocks=16 * 16 + 1)
        chunk_bytes = 2 * group.layers * CHUNK * group.heads * group.head_size * group.item
        count = COPY_BYTES // chunk_bytes
        engine = Engine([group], CHUNK)
        model, instance = f"{MODEL}-{form}", 100
        store, retrieve = [], []
        try:
            engine.fill(3)
            self.client.register_kv_cache(instance, engine.handles, model, 1, engine.hints,
                                          engine.infos)
            blocks = engine.blocks_for(count)
            for _ in range(max(5, self.iterations // 10)):
                key = cache_key(tokens(next(self.seeds), count * CHUNK), model=model,
                                request=f"copy-{next(_numbers)}")
                ms, answer = self.timed(encoded("store", key, instance, blocks, EVENT_HANDLE))
                assert answer[1] is True
                store.append(ms)
                found = self._found(key, count)
                assert found == count, f"{found} of {count} chunks"
                ms, answer = self.timed(
                    encoded("retrieve", key, instance, blocks, EVENT_HANDLE, 0))
                assert answer[1] is True
                retrieve.append(ms)
                self.client.end_session(key["request_id"])
                self.reset()
        finally:
            self.client.unregister_kv_cache(instance)
            engine.close()
        scale = count * chunk_bytes / 1e9 * 1e3
        return scale / statistics.median(store), scale / statistics.median(retrieve)

    def _found(self, key: dict, count: int) -> int:
        for _ in range(50):
            found = self.client.hits({**key, "worker_id": None})
            if found == count:
                return found
            time.sleep(0.02)
        return found


def memcpy_gb_per_second() -> float:
    """One thread's memcpy of COPY_BYTES between two touched mappings."""
    source, target = mmap.mmap(-1, COPY_BYTES), mmap.mmap(-1, COPY_BYTES)
    source[:] = b"\x01" * COPY_BYTES
    target[:] = b"\x02" * COPY_BYTES
    a = ctypes.addressof(ctypes.c_char.from_buffer(source))
    b = ctypes.addressof(ctypes.c_char.from_buffer(target))
    took = []
    for _ in range(7):
        began = time.perf_counter()
        ctypes.memmove(b, a, COPY_BYTES)
        took.append(time.perf_counter() - began)
    return COPY_BYTES / statistics.median(took) / 1e9
