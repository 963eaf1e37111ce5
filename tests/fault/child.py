"""A client that walks part of a request's way and then waits to be killed.

usage: child.py ENDPOINT MODE STEPS ANSWERED MODEL INSTANCE
It takes STEPS steps; the last one is awaited when ANSWERED is 1, otherwise only sent.
"""

from __future__ import annotations

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from wire.client import EVENT_HANDLE, Client  # noqa: E402
from wire.paged import Engine, Group  # noqa: E402
from wire.protocol import cache_key, engine_driven_context  # noqa: E402

CHUNK = 16
STORED, FRESH = list(range(1, 33)), list(range(1001, 1033))
POOL_STEPS = ["register", "prepare_store", "commit_store", "lookup", "status", "prepare_retrieve",
              "commit_retrieve", "lookup again", "free_lookup_locks", "end_session"]
ENGINE_STEPS = ["register", "store", "lookup", "status", "retrieve", "lookup again",
                "end_session"]
STEPS = {"engine_driven": POOL_STEPS, "lmcache_driven": ENGINE_STEPS}


def group() -> Group:
    return Group(layers=2, heads=2, head_size=4)


class Walk:
    def __init__(self, endpoint: str, mode: str, model: str, instance: int):
        self.client, self.mode, self.instance = Client(endpoint), mode, instance
        self.key = cache_key(FRESH, model=model, request=f"fresh-{instance}")
        self.old = cache_key(STORED, model=model, request=f"old-{instance}")
        self.context = engine_driven_context(instance, model)
        self.engine = None
        if mode == "lmcache_driven":
            self.engine = Engine([group()], CHUNK)
            self.engine.fill(instance)

    def submit(self, step: str) -> bytes:
        send, i = self.client.submit, self.instance
        blocks = self.engine.blocks_for(2) if self.engine else []
        lookup = {**self.old, "worker_id": None}
        calls = {
            "prepare_store": lambda: send("prepare_store", self.key, i),
            "commit_store": lambda: send("commit_store", self.key, i, b""),
            "store": lambda: send("store", self.key, i, blocks, EVENT_HANDLE),
            "lookup": lambda: send("lookup", lookup, 1),
            "lookup again": lambda: send("lookup", lookup, 1),
            "status": lambda: send("wait_prefetch_status", self.old["request_id"], 5.0),
            "prepare_retrieve": lambda: send("prepare_retrieve", self.old, i),
            "commit_retrieve": lambda: send("commit_retrieve", self.old, i),
            "retrieve": lambda: send("retrieve", self.old, i, blocks, EVENT_HANDLE, 0),
            "free_lookup_locks": lambda: send("free_lookup_locks", lookup, 1),
            "end_session": lambda: send("end_session", self.old["request_id"]),
        }
        if step == "register":
            if not self.engine:
                return send("register_kv_cache_engine_driven_context", self.context)
            return send("register_kv_cache", i, self.engine.handles, self.key["model_name"], 1,
                        "vllm", self.engine.hints, self.engine.infos)
        return calls[step]()


def main() -> None:
    endpoint, mode, count, answered, model, instance = sys.argv[1:]
    walk = Walk(endpoint, mode, model, int(instance))
    steps = STEPS[mode][:int(count)]
    for number, step in enumerate(steps):
        uid = walk.submit(step)
        if number + 1 < len(steps) or answered == "1":
            walk.client.wait(uid)
    print("here", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
