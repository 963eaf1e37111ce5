"""A load on a daemon that makes it count everything it can: one engine in a thread of its own."""

from __future__ import annotations

import threading

from wire.client import Client
from wire.protocol import cache_key, engine_driven_context
from wire.server import Server

MODEL, INSTANCE = "stack/model", 4242
PROMPT_CHUNKS = 8
PROMPTS = 40         # that many prompts in turn, more than fit into SMALL_L1_GB
SMALL_L1_GB = 0.03   # about 120 chunks of the layout below
PAUSE_S = 0.002      # between requests: the machine has other work


class Load:
    """Prompts in turn, half of them the same one: hits, misses, stores, evictions, refusals."""

    def __init__(self, server: Server):
        self.server = server
        self.rounds = 0
        self.failure: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        try:
            with Client(self.server.endpoint) as client:
                client.register_engine_driven(engine_driven_context(
                    INSTANCE, MODEL, block_size=self.server.chunk, layers=8, hidden=512))
                while not self._stop.wait(PAUSE_S):
                    self._round(client)
                client.unregister_engine_driven(INSTANCE)
        except Exception as failure:  # the test shows it
            self.failure = failure

    def _round(self, client: Client) -> None:
        prompt = 0 if self.rounds % 2 else self.rounds // 2 % PROMPTS
        self._request(client, f"stack-{self.rounds}", self.tokens(prompt, PROMPT_CHUNKS))
        if self.rounds % 100 == 50:
            self._too_large(client, f"stack-large-{self.rounds}")
            self._too_short(client, f"stack-short-{self.rounds}")
            self._not_looked_up(client, f"stack-strange-{self.rounds}")
        if self.rounds % 500 == 250:
            self.server.http("POST", "/cache/clear")
        self.rounds += 1

    def tokens(self, prompt: int, chunks: int) -> list[int]:
        return [prompt * 1_000_003 + i for i in range(chunks * self.server.chunk)]

    def _request(self, client: Client, request: str, tokens: list[int]) -> None:
        key = cache_key(tokens, model=MODEL, request=request, worker=None)
        found = client.hits(key) * self.server.chunk
        mine = {**key, "worker_id": 0}
        if found:
            part = {**mine, "end": found}
            if client.prepare_retrieve(part, INSTANCE)["success"]:
                client.commit_retrieve(part, INSTANCE)
        if found < len(tokens):
            rest = {**mine, "start": found}
            if client.prepare_store(rest, INSTANCE)["chunk_indices"]:
                client.commit_store(rest, INSTANCE)
        # The engine's own blocks that the prompt took: few, so that they change hands.
        client.call("report_block_allocation", INSTANCE, MODEL, [
            {"req_id": request, "new_block_ids": list(range(PROMPT_CHUNKS)),
             "new_token_ids": tokens}])
        client.end_session(request)

    def _too_large(self, client: Client, request: str) -> None:
        """A store for more chunks than L1 has room for."""
        key = cache_key(self.tokens(PROMPTS, 300), model=MODEL, request=request)
        if client.prepare_store(key, INSTANCE)["chunk_indices"]:
            client.commit_store(key, INSTANCE)
        client.end_session(request)

    def _too_short(self, client: Client, request: str) -> None:
        """A lookup of less than a chunk, which ends early."""
        client.hits(cache_key([1, 2, 3], model=MODEL, request=request, worker=None))
        client.end_session(request)

    def _not_looked_up(self, client: Client, request: str) -> None:
        """A retrieve that no lookup announced, which finds nothing."""
        tokens = self.tokens(PROMPTS, 1)
        client.prepare_retrieve(cache_key(tokens, model=MODEL, request=request), INSTANCE)
        client.end_session(request)
