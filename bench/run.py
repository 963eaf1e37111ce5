"""Measures the daemon side by side with the floor server and, with --peer, the real server.

usage: run.py [--peer [PATH]] [--rounds N] [--what NAME] [--check]
All servers run at once on free ports and take turns in every round. Prints a table and writes it
to bench/results/<date>-<what>.md.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(BENCH)
sys.path[:0] = [os.path.join(ROOT, "tests"), BENCH]

from paths import CHUNK, Bench, memcpy_gb_per_second  # noqa: E402
from report import Row, table  # noqa: E402
from wire.server import Server  # noqa: E402

PEER = os.path.join(os.environ.get("ACTORD_PEER",
                                   os.path.expanduser("~/.cache/actord-peer")), "bin/lmcache")
SETTLE_S, IDLE_S = 4.0, 10.0  # the pool is still being reserved for a while after the start
L1_GB = 2


def rows() -> dict[str, Row]:
    ms = dict(unit="ms", more_is_better=False, budget=1.25)
    copy = dict(unit="GB/s", more_is_better=True, against="memcpy", budget=0.5)
    absolute = dict(more_is_better=False, against="absolute")
    return {
        "noop": Row("`noop`, 64 in flight", "1/s", True, budget=0.7),
        "lookup": Row("lookup to resolved count, 8192 tokens, hit, p50", **ms),
        "prepare_store": Row("prepare_store, 32 chunks, p50", **ms),
        "commit_store": Row("commit_store, 32 chunks, p50", **ms),
        "prepare_retrieve": Row("prepare_retrieve, 32 chunks, p50", **ms),
        "commit_retrieve": Row("commit_retrieve, 32 chunks, p50", **ms),
        "miss": Row("miss cycles, 8192 tokens", "1/s", True, budget=0.8),
        "store_hnd": Row("store 64 MiB, heads before tokens", **copy),
        "retrieve_hnd": Row("retrieve 64 MiB, heads before tokens", **copy),
        "store_nhd": Row("store 64 MiB, tokens before heads", **copy),
        "retrieve_nhd": Row("retrieve 64 MiB, tokens before heads", **copy),
        "ready": Row("start to ready", "s", budget=0.2, **absolute),
        "memory": Row("idle memory beyond L1", "MB", budget=60, **absolute),
        "cpu": Row("idle processor time", "%", budget=0.3, **absolute),
        "threads": Row("threads", "", budget=16, **absolute),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    build = os.path.join(ROOT, "build/release")
    parser.add_argument("--daemon", default=f"{build}/lmcache-actord",
                        help="'' leaves it out; default %(default)s")
    parser.add_argument("--floor", default=f"{build}/floor")
    parser.add_argument("--load", default=f"{build}/load")
    parser.add_argument("--peer", nargs="?", const=PEER, metavar="PATH",
                        help=f"also the real server (its `lmcache` command, default {PEER})")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=60, help="calls per path and round")
    parser.add_argument("--what", default="side-by-side", help="name of the result file")
    parser.add_argument("--results", default=os.path.join(BENCH, "results"))
    parser.add_argument("--only", action="append", help="only these paths (keys of the table)")
    parser.add_argument("--check", action="store_true", help="fail when a budget is missed")
    return parser.parse_args()


def timed_start(binary: str, kind: str) -> tuple[Server, float]:
    server = Server(binary, kind, l1_gb=L1_GB, chunk=CHUNK)
    began = time.perf_counter()
    server.start()
    return server, time.perf_counter() - began


def measure_starts(binaries: dict[str, str], table_rows: dict[str, Row], rounds: int) -> None:
    """Start to ready and the idle figures, each server alone."""
    for _ in range(rounds):
        for kind, binary in binaries.items():
            if kind == "floor":
                continue
            server, seconds = timed_start(binary, kind)
            try:
                time.sleep(SETTLE_S)
                cpu = server.cpu_seconds()
                time.sleep(IDLE_S)
                table_rows["ready"].add(kind, seconds)
                table_rows["cpu"].add(kind, 100 * (server.cpu_seconds() - cpu) / IDLE_S)
                table_rows["memory"].add(kind, server.resident_bytes(private=True) / 1e6)
                table_rows["threads"].add(kind, server.threads())
            finally:
                server.stop()


def measure_round(bench: Bench, kind: str, table_rows: dict[str, Row], wanted) -> None:
    def add(names: str, values) -> None:
        for name, value in zip(names.split(), values, strict=True):
            table_rows[name].add(kind, value)

    def want(*names: str) -> bool:
        return wanted is None or any(n in wanted for n in names)

    if want("noop"):
        add("noop", [bench.noop_per_second()])
    if want("lookup"):
        add("lookup", [bench.lookup_ms()])
    if want("prepare_store", "commit_store"):
        add("prepare_store commit_store", bench.store_ms())
    if want("prepare_retrieve", "commit_retrieve"):
        add("prepare_retrieve commit_retrieve", bench.retrieve_ms())
    if want("miss"):
        add("miss", [bench.misses_per_second()])
    if kind == "floor":
        return
    for form in ("hnd", "nhd"):
        if want(f"store_{form}", f"retrieve_{form}"):
            add(f"store_{form} retrieve_{form}", bench.copy_gb_per_second(f"kv_first_{form}"))


def main() -> int:
    args = arguments()
    binaries = {"daemon": args.daemon, "floor": args.floor}
    if args.peer:
        binaries["peer"] = args.peer
    binaries = {kind: binary for kind, binary in binaries.items() if binary}
    for binary in [*binaries.values(), args.load]:
        if not os.access(binary, os.X_OK):
            print(f"{binary} is not there: `./dev build` makes it")
            return 2
    table_rows = rows()
    servers = {kind: timed_start(binary, kind)[0] for kind, binary in binaries.items()}
    benches = {kind: Bench(s, args.load, args.iterations) for kind, s in servers.items()}
    try:
        for number in range(args.rounds):
            for kind, bench in benches.items():
                print(f"round {number + 1} of {args.rounds}: {kind}", file=sys.stderr)
                measure_round(bench, kind, table_rows, args.only)
            memcpy = memcpy_gb_per_second()
            for name, row in table_rows.items():
                if row.against == "memcpy" and row.rounds:
                    row.add("memcpy", memcpy)
    finally:
        for kind, server in servers.items():
            benches[kind].close()
            server.kill() if kind == "floor" else server.stop()
    if args.only is None or set(args.only) & {"ready", "cpu", "memory", "threads"}:
        measure_starts(binaries, table_rows, args.rounds)
    shown = [row for row in table_rows.values() if row.rounds]
    text = table(shown, args.rounds, "lmcache-actord side by side")
    os.makedirs(args.results, exist_ok=True)
    path = os.path.join(args.results, f"{datetime.date.today()}-{args.what}.md")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    print(f"written to {path}")
    missed = [row.name for row in shown if row.reached() is False]
    return 1 if args.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
