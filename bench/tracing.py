"""What spans cost: a daemon that sends traces against one that only pushes metrics.

usage: tracing.py [--daemon PATH] [--pairs 12] [--requests 300] [--flags ...]
Both daemons push to a receiver of OTLP/HTTP in a process of its own, which reads and forgets. They
are loaded in turns with the same requests, 32 chunks each (bench/telemetry.py has them). Prints for
each pair the ratio of CPU time per request of the daemon, user and system, and the median; then how
many spans went out. Exit status 0 when the median is at most 1.05.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from spans_receiver import Receiver, spans  # noqa: E402
from telemetry import Side, in_turns  # noqa: E402

LIMIT_CPU = 1.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--flags", nargs="*", default=[], help="more, for the side with traces")
    asked = parser.parse_args()
    folder = tempfile.TemporaryDirectory()
    receiver = Receiver(folder.name, "way")
    sides: list[Side] = []
    try:
        push = receiver.flags()
        sides = [Side(asked.daemon, [*push, "--enable-tracing", *asked.flags]),
                 Side(asked.daemon, push)]
        for side in sides:
            side.round(50)  # warm
        cpu, extra = [], []
        for on, off in in_turns(sides, asked.pairs, asked.requests):
            cpu.append(on[0] / off[0])
            extra.append(on[0] - off[0])
        told = spans(sides[0].server.http_port)
        print(f"median: CPU {statistics.median(cpu):.3f} (at most {LIMIT_CPU}), "
              f"{statistics.median(extra):.1f} µs a request; spans: {told}")
        return 0 if statistics.median(cpu) <= LIMIT_CPU else 1
    finally:
        for side in sides:
            side.bench.close()
            side.server.stop()
        receiver.end()
        folder.cleanup()


if __name__ == "__main__":
    sys.exit(main())
