"""What a receiver of spans that is down, slow or mad costs: against a daemon with a good one.

usage: bad_receiver.py [--daemon PATH] [--seconds 60] [--requests 100] [--ways WAY...]
Two daemons with --enable-tracing are loaded in turns with the same requests (bench/telemetry.py has
them), one of them with a receiver that misbehaves in one way after the other (refuse, hang,
garbage, 503), each for so many seconds. Prints for each way the median of the ratios of CPU time
per request, how the daemon's memory grew, what it dropped, and whether spans arrive again once the
receiver is well. Exit status 0 when each ratio is at most 1.03, memory grew by 4 MiB at most and
spans arrived again.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from spans_receiver import Receiver, spans  # noqa: E402
from telemetry import Side  # noqa: E402

LIMIT_CPU, LIMIT_GROWTH_MIB = 1.03, 4.0
HEAL_S = 90


def rss_mib(side: Side) -> float:
    with open(f"/proc/{side.server.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def arrives_again(side: Side) -> float | None:
    """Seconds until spans go out; None: not in time."""
    before, began = spans(side.server.http_port).get("exported", 0), time.monotonic()
    while time.monotonic() - began < HEAL_S:
        side.round(20)
        if spans(side.server.http_port).get("exported", 0) > before:
            return time.monotonic() - began
    return None


def measure(way: str, sides: list[Side], bad: Receiver, seconds: float, requests: int) -> bool:
    bad.behave(way)
    sides[0].round(requests)  # the queue fills
    memory, dropped = rss_mib(sides[0]), spans(sides[0].server.http_port).get("dropped", 0)
    ratios, began = [], time.monotonic()
    while time.monotonic() - began < seconds:
        order = sides if len(ratios) % 2 == 0 else sides[::-1]
        figures = {side: side.round(requests)[0] for side in order}
        ratios.append(figures[sides[0]] / figures[sides[1]])
    grown = rss_mib(sides[0]) - memory
    lost = spans(sides[0].server.http_port).get("dropped", 0) - dropped
    bad.end()  # those that it hangs with go, too
    bad.behave("ok")
    again = arrives_again(sides[0])
    ratio = statistics.median(ratios)
    print(f"{way:8} {len(ratios):3} pairs: CPU {ratio:.3f}, memory {grown:+.1f} MiB, "
          f"{lost:.0f} spans dropped, well again after "
          f"{'never' if again is None else f'{again:.1f} s'}", flush=True)
    return ratio <= LIMIT_CPU and grown <= LIMIT_GROWTH_MIB and again is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--ways", nargs="*", default=["refuse", "hang", "garbage", "503"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        receivers = [Receiver(folder, "bad"), Receiver(folder, "good")]
        sides: list[Side] = []
        try:
            sides = [Side(asked.daemon, ["--enable-tracing", *one.flags()]) for one in receivers]
            for side in sides:
                side.round(3000)  # warm: what a young daemon grows by is no receiver's fault
            held = [measure(way, sides, receivers[0], asked.seconds, asked.requests)
                    for way in asked.ways]
            return 0 if all(held) else 1
        finally:
            for side in sides:
                side.bench.close()
                side.server.stop()
            for one in receivers:
                one.end()


if __name__ == "__main__":
    sys.exit(main())
