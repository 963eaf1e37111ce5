"""What observability costs: a daemon with everything on against one with --disable-observability.

usage: telemetry.py [--daemon PATH] [--pairs 12] [--requests 300]
Both run side by side and are loaded in turns with the same requests, 32 chunks each: lookup,
result, retrieve, store of other chunks, end. Prints for each pair the ratio of CPU time per request
(of the daemon, user and system) and of the p99 of a request's time, and their medians. Exit
status 0 when the medians are at most 1.03 and 1.15.
"""

from __future__ import annotations

import argparse
import glob
import os
import statistics
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from paths import CHUNKS, INSTANCE, Bench, encoded  # noqa: E402
from wire.server import Server  # noqa: E402

LIMIT_CPU, LIMIT_P99 = 1.03, 1.15


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process, ns."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total


class Side:
    """One daemon and the requests that it is loaded with."""

    def __init__(self, binary: str, flags: list[str]):
        self.server = Server(binary, l1_gb=0.5, flags=["--prometheus-port", "0", *flags]).start()
        self.bench = Bench(self.server, "", 0)
        self.bench.stored(1)
        self.cpu: list[float] = []
        self.p99: list[float] = []

    def prepare(self, count: int) -> list[list]:
        """The messages of `count` requests, encoded before the clock starts."""
        result = []
        for _ in range(count):
            key = self.bench.key(1, worker=None)
            request = key["request_id"]
            mine = {**key, "worker_id": 0}
            fresh = self.bench.key(next(self.bench.seeds), request)
            result.append([
                encoded("lookup", key),
                encoded("wait_prefetch_status", request, 5.0),
                encoded("prepare_retrieve", mine, INSTANCE),
                encoded("commit_retrieve", mine, INSTANCE),
                encoded("prepare_store", fresh, INSTANCE),
                encoded("commit_store", fresh, INSTANCE, b""),
                encoded("end_session", request)])
        return result

    def round(self, count: int) -> tuple[float, float]:
        """CPU time per request in µs, p99 in ms."""
        requests = self.prepare(count)
        took = []
        before = cpu_ns(self.server.process.pid)
        for messages in requests:
            began = time.perf_counter()
            for message in messages:
                self.bench.call(message)
            took.append((time.perf_counter() - began) * 1e3)
        time.sleep(0.1)  # what was left for later belongs to these requests
        spent = cpu_ns(self.server.process.pid) - before
        return spent / count / 1e3, statistics.quantiles(took, n=100)[98]

    def scrape_ms(self) -> tuple[float, int]:
        url = f"http://127.0.0.1:{self.server.http_port}/metrics"
        began = time.perf_counter()
        with urllib.request.urlopen(url) as answer:
            lines = answer.read().count(b"\n")
        return (time.perf_counter() - began) * 1e3, lines


def in_turns(sides: list[Side], pairs: int, requests: int):
    """Loads both in turns, each first every other time: (CPU, p99) of the one and of the other."""
    print(f"{pairs} pairs of {requests} requests, {CHUNKS} chunks each")
    for pair in range(pairs):
        order = sides if pair % 2 == 0 else sides[::-1]
        figures = {side: side.round(requests) for side in order}
        on, off = figures[sides[0]], figures[sides[1]]
        print(f"pair {pair + 1:2}: CPU {on[0]:7.1f} / {off[0]:7.1f} µs = {on[0] / off[0]:.3f}; "
              f"p99 {on[1]:6.2f} / {off[1]:6.2f} ms = {on[1] / off[1]:.3f}")
        yield on, off


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--requests", type=int, default=300)
    asked = parser.parse_args()
    sides = [Side(asked.daemon, []), Side(asked.daemon, ["--disable-observability"])]
    try:
        for side in sides:
            side.round(50)  # warm
        cpu, p99 = [], []
        for on, off in in_turns(sides, asked.pairs, asked.requests):
            cpu.append(on[0] / off[0])
            p99.append(on[1] / off[1])
        scrape, lines = sides[0].scrape_ms()
        print(f"median: CPU {statistics.median(cpu):.3f} (at most {LIMIT_CPU}), "
              f"p99 {statistics.median(p99):.3f} (at most {LIMIT_P99}); "
              f"one scrape of {lines} lines: {scrape:.1f} ms")
        held = statistics.median(cpu) <= LIMIT_CPU and statistics.median(p99) <= LIMIT_P99
        return 0 if held else 1
    finally:
        for side in sides:
            side.bench.close()
            side.server.stop()


if __name__ == "__main__":
    sys.exit(main())
