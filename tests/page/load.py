"""A load that moves every number of the page: one engine-driven worker in a thread of its own."""

from __future__ import annotations

import math
import os
import random
import threading
import time

from wire.client import Client
from wire.protocol import cache_key, engine_driven_context
from wire.server import Server

MODEL, INSTANCE = "page/model", 77
CHUNKS = 6


class Load:
    """Prompts of which some are new, some known; sessions overlap. `wave_s`: busier and calmer."""

    def __init__(self, server: Server, *, pause_s: float = 0.005, wave_s: float = 0):
        self.server, self.pause_s, self.wave_s = server, pause_s, wave_s
        self.failure: Exception | None = None
        self._random = random.Random(7)
        self._open: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it; nothing is under way afterwards."""
        self._stop.set()
        self._thread.join(30)
        if self.failure:
            raise self.failure

    def _run(self) -> None:
        try:
            with Client(self.server.endpoint) as client:
                answer = client.register_engine_driven(
                    engine_driven_context(INSTANCE, MODEL, block_size=self.server.chunk, layers=8,
                                          hidden=512))
                with open(f"/dev/shm/{answer['shm_name']}", "r+b", buffering=0) as pool:
                    began, number = time.monotonic(), 0
                    while not self._stop.wait(self._pause(time.monotonic() - began)):
                        self._request(client, pool, number)
                        number += 1
                for request in self._open:
                    client.end_session(request)
                client.unregister_engine_driven(INSTANCE)
        except Exception as failure:  # stop() shows it
            self.failure = failure

    def _pause(self, elapsed_s: float) -> float:
        if not self.wave_s:
            return self.pause_s
        turn = 2 * math.pi * elapsed_s / self.wave_s
        slow = 1.25 + math.sin(turn) * 0.7 + math.sin(2.7 * turn) * 0.4
        return self.pause_s * max(0.2, slow) * self._random.uniform(0.7, 1.3)

    def _request(self, client: Client, pool, number: int) -> None:
        known = self._random.random() < 0.6
        prompt = self._random.randrange(24) if known else 1000 + number
        tokens = [prompt * 4096 + i for i in range(CHUNKS * self.server.chunk)]
        request = f"page-{number}"
        key = cache_key(tokens, model=MODEL, request=request, worker=None)
        found = client.hits(key) * self.server.chunk
        mine = {**key, "worker_id": 0}
        if found:
            part = {**mine, "end": found}
            answer = client.prepare_retrieve(part, INSTANCE)
            if answer["success"]:
                for slot in answer["context"]["slots"]:
                    os.pread(pool.fileno(), slot["length"], slot["offset"])
                client.commit_retrieve(part, INSTANCE)
        if found < len(tokens):
            rest = {**mine, "start": found}
            answer = client.prepare_store(rest, INSTANCE)
            if answer["chunk_indices"]:
                for slot in answer["slots"]:
                    os.pwrite(pool.fileno(), bytes(slot["length"]), slot["offset"])
                client.commit_store(rest, INSTANCE)
        self._open.append(request)
        while len(self._open) > 3 + number // 40 % 6:
            client.end_session(self._open.pop(0))
