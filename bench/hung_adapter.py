"""What a store behind L1 that hangs for a minute does to everyone else.

usage: hung_adapter.py [--daemon PATH] [--how inject|throttle] [--seconds 60] [--folder DIR]
inject: every operation of the store hangs until its time limit, which is --seconds (fault_inject).
throttle: files past the page cache (O_DIRECT), with a limit of 2 s, and the kernel lets the daemon
read so slowly that the loads take --seconds: nothing can cancel them, and their bytes arrive late.
Needs root and cgroup v1 (blkio).
Throughout, one client serves prompts from L1 and stores others, more than L1 has room for; another
process looks up prompts that only the store has. Exit status 0 when hits kept their latency, every
lookup was answered within its limit, and all bytes served were those stored.
"""

from __future__ import annotations

import argparse
import itertools
import json
import mmap
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from wire.client import Client  # noqa: E402
from wire.protocol import cache_key, engine_driven_context  # noqa: E402
from wire.server import Server  # noqa: E402

CHUNK, CHUNKS, HIDDEN = 16, 4, 4096  # 256 KiB a chunk, 1 MiB a prompt
PROMPT_BYTES = CHUNKS * 2 * CHUNK * HIDDEN * 2
L1_GB = 0.25  # beyond what a store that hangs may pin: a batch of 64 MiB at least
WARM, COLD = range(100, 116), range(6)  # prompts in L1; prompts in the store alone
LATE_COLD = range(6, 12)                # looked up once the store is known to hang
LIMIT_S = 2  # of a load, when throttled
SLACK_S = 1.0  # between a limit and the client that polls, on a busy machine
GROUP = "/sys/fs/cgroup/blkio/actord-hung"

_numbers = itertools.count(1)


def key_of(prompt: int) -> dict:
    tokens = [prompt * 1000 + i for i in range(CHUNK * CHUNKS)]
    return cache_key(tokens, model="hung/model", request=f"{os.getpid()}-{next(_numbers)}")


class Engine:
    """A scheduler and its worker."""

    def __init__(self, server: Server):
        self.client = Client(server.endpoint)
        answer = self.client.register_engine_driven(
            engine_driven_context(1, "hung/model", layers=1, hidden=HIDDEN))
        fd = os.open("/dev/shm/" + answer["shm_name"], os.O_RDWR)
        self.pool = mmap.mmap(fd, answer["pool_size"])
        os.close(fd)

    @staticmethod
    def content(prompt: int, chunk: int, length: int) -> bytes:
        pattern = f"{prompt}/{chunk}|".encode()
        return (pattern * (length // len(pattern) + 1))[:length]

    def store(self, prompt: int) -> bool:
        key = key_of(prompt)
        context = self.client.prepare_store(key, 1)
        for slot, chunk in zip(context["slots"], context["chunk_indices"], strict=True):
            at, length = slot["offset"], slot["length"]
            self.pool[at:at + length] = self.content(prompt, chunk, length)
        done = bool(context["slots"]) and self.client.commit_store(key, 1)
        self.client.end_session(key["request_id"])
        return done

    def serve(self, prompt: int) -> tuple[float, int]:
        """Milliseconds from lookup to committed retrieve without the comparison, and the chunks."""
        key = key_of(prompt)
        began = time.perf_counter()
        found = self.client.hits({**key, "worker_id": None}, timeout_s=200)
        took = time.perf_counter() - began
        if found:
            key["end"] = found * CHUNK
            began = time.perf_counter()
            answer = self.client.prepare_retrieve(key, 1)
            took += time.perf_counter() - began
            assert answer["success"], "a hit cannot be retrieved"
            for chunk, slot in enumerate(answer["context"]["slots"]):
                at, length = slot["offset"], slot["length"]
                assert self.pool[at:at + length] == self.content(prompt, chunk, length), \
                    f"prompt {prompt}, chunk {chunk}: other bytes than were stored"
            began = time.perf_counter()
            assert self.client.commit_retrieve(key, 1)
            took += time.perf_counter() - began
        self.client.end_session(key["request_id"])
        return took * 1e3, found


def look_up_cold(endpoint: str, prompts: range, answers) -> None:
    """Looks all of them up at once; tells after how many seconds each was answered, and how."""
    with Client(endpoint) as client:
        began = time.monotonic()
        waiting = {key["request_id"]: key for key in map(key_of, prompts)}
        for key in waiting.values():
            client.lookup({**key, "worker_id": None})
        while waiting and time.monotonic() - began < 200:
            for request in list(waiting):
                if (found := client.status(request)) is not None:
                    answers.put((time.monotonic() - began, found))
                    client.end_session(request)
                    del waiting[request]
            time.sleep(0.05)


class Load:
    """Hits in L1, timed, and stores of new prompts, which push older ones out."""

    def __init__(self, engine: Engine, server: Server):
        self.engine, self.server = engine, server
        self.fresh = itertools.count(1000)
        self.staged, self.resident, self.refused, self.written = 0, 0, 0, 0

    def run(self, going) -> list[float]:
        took = []
        for n in itertools.count():
            for prompt in WARM:
                ms, found = self.engine.serve(prompt)
                assert found == CHUNKS, f"prompt {prompt} was pushed out of L1: {found} chunks"
                took.append(ms)
            stored = self.engine.store(next(self.fresh))
            self.written += stored
            self.refused += not stored
            l1 = self.server.l1()
            self.staged = max(self.staged, l1["staging_object_count"])
            self.resident = max(self.resident, l1["total_object_count"])
            if n % 10 == 9 and not going():
                return took
            time.sleep(0.01)


def adapter_of(folder: str, how: str, seconds: float) -> dict:
    files = {"type": "fs", "base_path": folder, "use_odirect": how == "throttle"}
    if how == "throttle":
        limits = {"load_timeout_ms": LIMIT_S * 1000, "store_timeout_ms": LIMIT_S * 1000}
        return {**files, "cpp": limits}
    limit = int(seconds * 1000)
    return {"type": "fault_inject", "inner": files,
            "cpp": {"hang_rate": 1, "load_timeout_ms": limit, "store_timeout_ms": limit}}


def start(binary: str, adapter: dict) -> Server:
    return Server(binary, l1_gb=L1_GB, chunk=CHUNK,
                  flags=["--prometheus-port", "0", "--l2-adapter", json.dumps(adapter)]).start()


def adapter_state(server: Server) -> dict:
    return server.status()["storage_manager"]["l2_adapters"][0]


def prepare(binary: str, folder: str) -> None:
    """Puts the cold prompts into the store, with a daemon whose store is well."""
    server = start(binary, {"type": "fs", "base_path": folder})
    engine = Engine(server)
    for prompt in (*COLD, *LATE_COLD):
        assert engine.store(prompt)
    engine.client.close()
    server.stop()  # copies what waits


def throttle(pid: int, folder: str, bytes_per_second: int) -> None:
    device = os.stat(folder).st_dev
    os.makedirs(GROUP, exist_ok=True)
    with open(f"{GROUP}/blkio.throttle.read_bps_device", "w") as file:
        file.write(f"{os.major(device)}:{os.minor(device)} {bytes_per_second}")
    with open(f"{GROUP}/cgroup.procs", "w") as file:
        file.write(str(pid))


def shown(took: list[float]) -> str:
    cuts = statistics.quantiles(took, n=100)
    return (f"p50 {cuts[49]:6.3f} ms, p99 {cuts[98]:6.3f} ms, longest {max(took):7.3f} ms, "
            f"{len(took)} hits")


def in_background(server: Server, prompts: range):
    # A fork would take the client's threads for its own.
    processes = multiprocessing.get_context("spawn")
    answers = processes.Queue()
    process = processes.Process(target=look_up_cold, args=(server.endpoint, prompts, answers))
    process.start()
    return process, answers


def tell(what: str, count: int, answers) -> list[float]:
    told = [answers.get(timeout=5) for _ in range(count)]
    times = [each[0] for each in told]
    print(f"{what}: answered after {min(times):.2f}-{max(times):.2f} s, with "
          f"{min(each[1] for each in told)}-{max(each[1] for each in told)} chunks of {CHUNKS}")
    return times


def measure(server: Server, asked: argparse.Namespace, folder: str) -> bool:
    engine = Engine(server)
    load = Load(engine, server)
    for prompt in WARM:
        assert engine.store(prompt)
    began = time.monotonic()
    before = load.run(lambda: time.monotonic() < began + 10)
    print(f"before:      {shown(before)}")
    if asked.how == "throttle":
        throttle(server.pid, folder, int(len(COLD) * PROMPT_BYTES / asked.seconds))
    load.staged = 0
    limit = LIMIT_S if asked.how == "throttle" else asked.seconds
    process, answers = in_background(server, COLD)
    began = time.monotonic()
    late = []

    def hanging() -> bool:
        past = time.monotonic() - began
        if past > limit + 3 and not late:
            late.append(in_background(server, LATE_COLD))
        return past < limit + 6 or (adapter_state(server)["in_flight_tasks"] > 0
                                    and past < 3 * asked.seconds)

    during = load.run(hanging)
    lasted = time.monotonic() - began
    print(f"while hung:  {shown(during)}")
    staged, written = load.staged, load.written
    process.join()
    late[0][0].join()
    if asked.how == "throttle":
        throttle(server.pid, folder, 0)
    began = time.monotonic()
    after = load.run(lambda: time.monotonic() < began + 10)
    print(f"afterwards:  {shown(after)}")
    first = tell("lookups of what only the store has", len(COLD), answers)
    second = tell("the same once it is known to hang", len(LATE_COLD), late[0][1])
    state = adapter_state(server)
    print(f"the store was busy for {lasted:.0f} s; breaker opened {state['breaker_opened']} times")
    print(f"objects whose memory the hung tasks kept: {staged}; stored by engines meanwhile: "
          f"{written} MiB, refused {load.refused}; at most {load.resident} objects in L1")
    served = sum(found == CHUNKS for _, found in map(engine.serve, COLD)) \
        if asked.how == "throttle" else None
    print(f"held in the end: {server.leases()}"
          + (f"; served from the store once it is well: {served} of {len(COLD)}, bytes exact"
             if served is not None else ""))
    engine.client.close()
    median = statistics.median
    held = median(during) <= 1.5 * median(before) or median(during) <= 1.5 * median(after)
    return (held and max(first) <= limit + SLACK_S and max(second) <= limit + SLACK_S
            and staged >= len(COLD) * CHUNKS and served in (None, len(COLD)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--how", choices=("inject", "throttle"), default="inject")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--folder", default=None, help="where files go; default: TMPDIR")
    asked = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="actord-hung-", dir=asked.folder)
    try:
        prepare(asked.daemon, folder)
        server = start(asked.daemon, adapter_of(folder, asked.how, asked.seconds))
        try:
            good = measure(server, asked, folder)
        finally:
            server.stop(timeout_s=3 * asked.seconds)
        print("held" if good else "NOT held")
        return 0 if good else 1
    finally:
        shutil.rmtree(folder)
        if os.path.isdir(GROUP):
            os.rmdir(GROUP)


if __name__ == "__main__":
    sys.exit(main())
