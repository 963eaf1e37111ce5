"""What an idle daemon costs with one store behind L1, and with none: start, memory, CPU, threads.

usage: l2_idle.py [--daemon PATH] [--rounds 3] [--seconds 20]
Prints medians and the threads by name. Exit status 0 when every budget (design §5) is met.
"""

from __future__ import annotations

import argparse
import collections
import glob
import json
import os
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from wire.server import Server  # noqa: E402

LIMITS = {"ready s": 0.2, "memory MB": 60, "CPU %": 0.3, "threads": 16}
SETTLE_S = 4.0


def adapters(folder: str) -> dict[str, dict | None]:
    device = os.path.join(folder, "slots.img")
    with open(device, "wb") as file:
        file.truncate(256 << 20)
    return {
        "none": None,
        "fs": {"type": "fs", "base_path": os.path.join(folder, "files")},
        "raw_block": {"type": "raw_block", "device_path": device, "slot_bytes": 1 << 20,
                      "meta_total_bytes": 16 << 20, "use_odirect": False},
    }


def cpu_ns(pid: int) -> int:
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total


def names_of_threads(pid: int) -> str:
    names = []
    for path in glob.glob(f"/proc/{pid}/task/*/comm"):
        with open(path) as file:
            names.append(file.read().strip())
    return ", ".join(f"{name} x {count}" if count > 1 else name
                     for name, count in sorted(collections.Counter(names).items()))


def measure(binary: str, adapter: dict | None, seconds: float) -> tuple[dict[str, float], str]:
    flags = [] if adapter is None else ["--l2-adapter", json.dumps(adapter)]
    server = Server(binary, l1_gb=1, flags=["--prometheus-port", "0", *flags])
    began = time.perf_counter()
    server.start()
    ready = time.perf_counter() - began
    try:
        time.sleep(SETTLE_S)
        before = cpu_ns(server.pid)
        time.sleep(seconds)
        spent = cpu_ns(server.pid) - before
        return ({"ready s": ready, "memory MB": server.resident_bytes(private=True) / 1e6,
                 "CPU %": spent / seconds / 1e7, "threads": server.threads()},
                names_of_threads(server.pid))
    finally:
        server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    figures = collections.defaultdict(list)
    threads = {}
    with tempfile.TemporaryDirectory(prefix="actord-idle-") as folder:
        for _ in range(asked.rounds):
            for name, adapter in adapters(folder).items():
                values, threads[name] = measure(asked.daemon, adapter, asked.seconds)
                for what, value in values.items():
                    figures[name, what].append(value)
    met = True
    for name in threads:
        told = []
        for what, limit in LIMITS.items():
            value = statistics.median(figures[name, what])
            met &= value <= limit
            told.append(f"{what} {value:.3g}{'' if value <= limit else f' (at most {limit:g})'}")
        print(f"{name}: {', '.join(told)}\n  {threads[name]}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
