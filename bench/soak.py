"""Many clients at once, and sessions whose last store comes after their end.

usage: soak.py [--daemon PATH] [--clients 64] [--seconds 60] [--sessions 10000]
Exit status 0 only when there was no error, no lost and no second reply, no lease and no session is
left, and resident memory is within 16 MiB of its start.
"""

from __future__ import annotations

import argparse
import itertools
import mmap
import os
import random
import sys
import time

import zmq

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from wire.client import Client  # noqa: E402
from wire.protocol import cache_key, engine_driven_context  # noqa: E402
from wire.server import Server  # noqa: E402

MODEL = "soak/model"
CHUNK = 16
MEMORY_MARGIN = 16 << 20
REPLY_WITHIN_S = 10.0
LEASES_GONE_WITHIN_S = 5.0

_numbers = itertools.count(1)


class Fault(Exception):
    """What a client noticed."""


class Life:
    """One client, scheduler and worker in one: an endless generator of calls."""

    def __init__(self, number: int, endpoint: str, context: zmq.Context):
        self.client = Client(endpoint, context=context)
        self.instance = 10_000 + number
        self.random = random.Random(number)
        self.requests = 0
        self.hits = 0
        self.pool: mmap.mmap | None = None

    def call(self, name: str, *payloads):
        return (yield name, payloads)

    def run(self):
        answer = yield from self.call(
            "register_kv_cache_engine_driven_context",
            engine_driven_context(self.instance, MODEL, layers=1, hidden=16))
        fd = os.open("/dev/shm/" + answer["shm_name"], os.O_RDWR)
        self.pool = mmap.mmap(fd, answer["pool_size"])
        os.close(fd)
        while True:
            yield from self.request()

    @staticmethod
    def content(prompt: int, chunk: int, length: int) -> bytes:
        pattern = f"{prompt}/{chunk}|".encode()
        return (pattern * (length // len(pattern) + 1))[:length]

    def request(self):
        """One request as the engine makes it; half of the prompts are shared by all clients."""
        prompt = self.random.randrange(200) if self.random.random() < 0.5 else \
            1000 + next(_numbers)
        tokens = [prompt * 1000 + i for i in range(CHUNK * (1 + prompt % 6))]
        chunks = len(tokens) // CHUNK
        request = f"soak-{next(_numbers)}"
        key = cache_key(tokens, model=MODEL, request=request)
        yield from self.call("lookup", {**key, "worker_id": None}, 1)
        found = None
        while found is None:
            found = yield from self.call("query_prefetch_status", request)
        if found:
            yield from self.retrieve({**key, "end": found * CHUNK}, prompt)
        if found < chunks:
            early = self.random.random() < 0.2
            if early:
                yield from self.call("end_session", request)
            yield from self.store({**key, "start": found * CHUNK}, prompt)
            if early:
                return
        yield from self.call("end_session", request)
        self.requests += 1

    def retrieve(self, key: dict, prompt: int):
        answer = yield from self.call("prepare_retrieve", key, self.instance)
        if not answer["success"]:
            raise Fault(f"{key['request_id']}: a hit of {key['end'] // CHUNK} is a miss")
        for c, slot in enumerate(answer["context"]["slots"]):
            at, length = slot["offset"], slot["length"]
            if self.pool[at:at + length] != self.content(prompt, c, length):
                raise Fault(f"{key['request_id']}: chunk {c} of prompt {prompt} has other bytes")
        if (yield from self.call("commit_retrieve", key, self.instance)) is not True:
            raise Fault("commit_retrieve is not true")
        self.hits += 1

    def store(self, key: dict, prompt: int):
        answer = yield from self.call("prepare_store", key, self.instance)
        context = answer["context"]
        first = key["start"] // CHUNK
        for slot, c in zip(context["slots"], context["chunk_indices"], strict=True):
            at, length = slot["offset"], slot["length"]
            self.pool[at:at + length] = self.content(prompt, first + c, length)
        if context["slots"]:
            if (yield from self.call("commit_store", key, self.instance, b"")) is not True:
                raise Fault("commit_store is not true")


class Driver:
    """Runs many lives in one thread: a reply resumes the life that waits for it."""

    def __init__(self, endpoint: str, count: int):
        self.context = zmq.Context()
        self.poller = zmq.Poller()
        self.lives, self.waiting = {}, {}
        for n in range(count):
            life = Life(n, endpoint, self.context)
            socket = life.client._socket
            self.poller.register(socket, zmq.POLLIN)
            self.lives[socket] = life
            self.waiting[socket] = [life.run(), None, 0.0]

    def resume(self, socket, value, stopping: bool) -> None:
        """Hands a reply to its life and sends that life's next call."""
        life, state = self.lives[socket], self.waiting[socket]
        name, payloads = state[0].send(value)
        if stopping and name == "lookup":
            state[1] = None  # a request ends here; no new one begins
            return
        state[1], state[2] = life.client.submit(name, *payloads), time.monotonic()

    def run(self, seconds: float) -> None:
        for socket in self.lives:
            self.resume(socket, None, False)
        end = time.monotonic() + seconds
        while any(state[1] for state in self.waiting.values()):
            stopping = time.monotonic() > end
            for socket, _ in self.poller.poll(100):
                client, state = self.lives[socket].client, self.waiting[socket]
                client.receive(0)
                if client.unexpected:
                    raise Fault(f"a reply nobody asked for: {client.unexpected[0]}")
                if state[1] in client._replies:
                    self.resume(socket, client.wait(state[1]), stopping)
            late = [s for s in self.waiting.values()
                    if s[1] and time.monotonic() - s[2] > REPLY_WITHIN_S]
            if late:
                raise Fault(f"{len(late)} replies did not come within {REPLY_WITHIN_S} s")

    def close(self) -> None:
        for life in self.lives.values():
            life.client.close()
            if life.pool:
                life.pool.close()
        self.context.term()


def wait_for(what: str, probe, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while (left := probe()) and time.monotonic() < deadline:
        time.sleep(0.05)
    if left:
        raise Fault(f"{what} left after {timeout_s} s: {left}")


def many_clients(server: Server, count: int, seconds: float) -> str:
    """The soak itself; raises Fault."""
    warm = Driver(server.endpoint, count)  # pages, buffers and threads a server needs anyway
    warm.run(min(2.0, seconds / 4))
    before = server.resident_bytes(private=True)
    sessions = server.status()["active_sessions"]
    driver = Driver(server.endpoint, count)
    driver.run(seconds)
    requests = sum(life.requests for life in driver.lives.values())
    hits = sum(life.hits for life in driver.lives.values())
    wait_for("leases", lambda: {k: v for k, v in server.leases().items() if v},
             LEASES_GONE_WITHIN_S)
    grown = server.resident_bytes(private=True) - before
    warm.close()
    driver.close()
    left = server.status()["active_sessions"] - sessions
    if left > 0:
        raise Fault(f"{left} sessions left")
    if grown > MEMORY_MARGIN:
        raise Fault(f"resident memory grew by {grown / 2**20:.1f} MiB")
    if not hits:
        raise Fault("nobody ever hit anything")
    return f"{requests} requests, {hits} with hits, memory {grown / 2**20:+.1f} MiB"


def late_stores(server: Server, count: int, in_flight: int = 50) -> str:
    """Sessions whose last store comes, from another connection, after their end."""
    before = server.status()["active_sessions"]
    with Client(server.endpoint) as scheduler, Client(server.endpoint) as worker:
        instance = 9_000
        worker.register_engine_driven(
            engine_driven_context(instance, MODEL, layers=1, hidden=16))
        for start in range(0, count, in_flight):
            keys = [cache_key([10**9 + n * CHUNK + i for i in range(CHUNK)], model=MODEL,
                              request=f"late-{n}")
                    for n in range(start, min(count, start + in_flight))]
            uids = []
            for key in keys:
                uids.append(scheduler.submit("lookup", {**key, "worker_id": None}, 1))
                uids.append(scheduler.submit("wait_prefetch_status", key["request_id"], 5.0))
                uids.append(scheduler.submit("end_session", key["request_id"]))
            for uid in uids:
                scheduler.wait(uid)
            prepared = [worker.submit("prepare_store", key, instance) for key in keys]
            for uid in prepared:
                worker.wait(uid)
            committed = [worker.submit("commit_store", key, instance, b"") for key in keys]
            if not all(worker.wait(uid) is True for uid in committed):
                raise Fault("a late store failed")
        worker.unregister_engine_driven(instance)
        left = server.status()["active_sessions"] - before
        if left > 0:
            raise Fault(f"{left} of {count} sessions left")
    wait_for("leases", lambda: {k: v for k, v in server.leases().items() if v},
             LEASES_GONE_WITHIN_S)
    return f"{count} sessions ended before their last store, none left"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sessions", type=int, default=10_000)
    args = parser.parse_args()
    server = Server(args.daemon, l1_gb=0.0625, chunk=CHUNK).start()
    try:
        print(many_clients(server, args.clients, args.seconds))
        print(late_stores(server, args.sessions))
    except Fault as fault:
        print(f"FAILED: {fault}\n{server.log()[-2000:]}")
        return 1
    finally:
        if server.alive():
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
