"""Our stores behind L1 beside the real server's `lmcache bench l2` on fs_native, in turns.

usage: l2.py [--peer PATH] [--rounds 5] [--keys 64] [--kib 1024] [--calls 8] [--core 0] [--nice N]
Everyone is pinned to the same core and works in the same folder's file system. A round runs each of
them once, in an order that moves on; between two of them what was written is removed and synced. As
many pages as they will write are held in use until they begin: a virtual machine gives free pages
back and is slow to get them again. All buffers are in huge pages; with small ones the speed past
the page cache depends on how their pages happen to lie.
One run is `--calls` stores and then as many loads of `--keys` objects of `--kib`, each timed from
call to answer; its figure is the median of its calls. Printed are medians over the rounds and the
median of the rounds' ratios to the peer in the same mode; then lookups of 1000 names.
Exit status 0 when every budget (design §5) is met.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, BENCH)

from report import machine  # noqa: E402
from run import PEER  # noqa: E402

BUILD = os.path.join(os.path.dirname(BENCH), "build/release")
STORE, UNVERIFIED, VERIFIED = 1.2, 1.0, 0.85  # times the peer's
LOOKUP_KEYS, LOOKUP_LIMIT_MS = 1000, 2.0
META_BYTES = 64 << 20  # of a device's index
Times = dict[str, list[float]]  # kind of call -> ms of each


class Contest:
    """Where and how everyone is measured."""

    def __init__(self, asked: argparse.Namespace):
        self.asked = asked
        self.folder = tempfile.mkdtemp(prefix="actord-l2-bench-", dir=asked.folder)

    def close(self) -> None:
        shutil.rmtree(self.folder)

    def run(self, command: list[str], begins: str = "") -> str:
        """What a command prints. The held pages are given back when it prints `begins`."""
        env = {**os.environ, "LMCACHE_DISABLE_BANNER": "1", "LMCACHE_TRACK_USAGE": "false",
               "PYTHONUNBUFFERED": "1",
               "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # madvise for large blocks
        held = self.hold()
        with subprocess.Popen(["nice", "-n", str(self.asked.nice), "taskset", "-c",
                               str(self.asked.core), *command], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as process:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith(begins):
                    held.close()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{''.join(lines)}")
        return "".join(lines)

    def hold(self) -> mmap.mmap:
        """Touched memory of twice the size that a run writes."""
        asked = self.asked
        return mmap.mmap(-1, 2 * (asked.keys * asked.kib << 10) * (asked.calls + 2),
                         flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)

    def clean(self) -> None:
        """The next one finds an empty folder and nothing waiting for the disk."""
        for name in os.listdir(self.folder):
            if name != "device":
                shutil.rmtree(os.path.join(self.folder, name))
        os.sync()

    def path(self, name: str) -> str:
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def peer(self, direct: bool, keys: int, kib: int, calls: int) -> Times:
        adapter = {"type": "fs_native", "base_path": self.path("peer"), "use_odirect": direct}
        text = self.run([self.asked.peer, "bench", "l2", "--l2-adapter", json.dumps(adapter),
                         "--num-keys", str(keys), "--data-size-kb", str(kib),
                         "--rounds", str(calls), "--warmup-rounds", "1",
                         "--l1-align-bytes", "4096", "--lookup-max-hit-rate", "1"], "[Store]")
        times: Times = {"store": [], "load": [], "hits": []}
        for kind, number, ms, done in re.findall(
                r"\[(Store|Load|Lookup)\] Round (\d+): ([\d.]+) ms, \w+=(\d+)/", text):
            if int(done) != keys:
                raise SystemExit(f"the peer moved {done} of {keys} objects:\n{text}")
            if int(number) > 1:  # the first is its warm-up
                times["hits" if kind == "Lookup" else kind.lower()].append(float(ms))
        return times

    def ours(self, kind: str, direct: bool, verify: bool, keys: int, kib: int,
             calls: int) -> Times:
        adapter = {"type": kind, "use_odirect": direct, "cpp": {"verify_checksums": verify}}
        if kind == "fs":
            adapter["base_path"] = self.path("ours")
        else:
            adapter["slot_bytes"] = (kib << 10) + 4096
            adapter["meta_total_bytes"] = META_BYTES
            adapter["load_checkpoint_on_init"] = False  # it begins empty
            adapter["device_path"] = os.path.join(self.path("device"), f"slots-{kib}.img")
            if not os.path.exists(adapter["device_path"]):
                make_device(adapter["device_path"],
                            META_BYTES + keys * (calls + 2) * adapter["slot_bytes"])
        return json.loads(self.run([f"{BUILD}/l2_rounds", json.dumps(adapter), str(keys),
                                    str(kib), str(calls)], "{"))


def make_device(path: str, size: int) -> None:
    """A file with all its blocks, written once, as a used device's are."""
    with open(path, "wb") as file:
        piece = b"x" * (1 << 20)
        for _ in range(-(-size // len(piece))):
            file.write(piece)
        os.fsync(file.fileno())


class Side:
    """One competitor in one mode, with a median of each run."""

    def __init__(self, name: str, direct: bool, verify: bool | None, measure):
        self.name, self.direct, self.verify, self.measure = name, direct, verify, measure
        self.medians: Times = {"store": [], "load": []}

    def run(self) -> None:
        times = self.measure()
        for kind, all_medians in self.medians.items():
            all_medians.append(statistics.median(times[kind]))

    def limit(self, kind: str) -> float:
        return STORE if kind == "store" else VERIFIED if self.verify else UNVERIFIED


def sides(contest: Contest) -> list[Side]:
    asked = contest.asked
    size = (asked.keys, asked.kib, asked.calls)
    result = []
    for direct in (False, True):
        result.append(Side("peer fs_native", direct, None,
                           lambda d=direct: contest.peer(d, *size)))
        for kind in ("fs", "raw_block"):
            for verify in (False, True):
                name = f"{kind}, {'verified' if verify else 'unverified'}"
                result.append(Side(name, direct, verify, lambda d=direct, k=kind, v=verify:
                                   contest.ours(k, d, v, *size)))
    return result


def spread(values: list[float]) -> str:
    return f"{min(values):.2f}-{max(values):.2f}"


def throughput(contest: Contest) -> bool:
    """Prints the table; whether all budgets are met."""
    asked = contest.asked
    everyone = sides(contest)
    for number in range(asked.rounds):
        for direct in (False, True):
            group = [side for side in everyone if side.direct == direct]
            first = number % len(group)
            for side in group[first:] + group[:first]:
                side.run()
                contest.clean()
        print(f"round {number + 1} of {asked.rounds}", file=sys.stderr)
    gigabytes = asked.keys * asked.kib * 1024 / 1e6
    print("| mode | who | call | GB/s, median (spread) | x peer, median (spread) | wanted | |")
    print("|---|---|---|---|---|---|---|")
    met = True
    for side in everyone:
        peer = next(other for other in everyone if other.direct == side.direct)
        mode = "O_DIRECT" if side.direct else "buffered"
        for kind, took in side.medians.items():
            rates = [gigabytes / ms for ms in took]
            row = f"| {mode} | {side.name} | {kind} | {statistics.median(rates):.2f} " \
                  f"({spread(rates)}) |"
            if side is peer:
                print(f"{row} 1 | | |")
                continue
            ratios = [theirs / mine for theirs, mine in zip(peer.medians[kind], took)]
            reached = statistics.median(ratios) >= side.limit(kind)
            met &= reached
            print(f"{row} {statistics.median(ratios):.2f} ({spread(ratios)}) | "
                  f"{side.limit(kind):g} | {'met' if reached else 'MISSED'} |")
    return met


def lookups(contest: Contest) -> bool:
    """1000 names from a warm index, beside the peer, which asks the file system for each."""
    mine: Times = {"fs": [], "raw_block": [], "peer": []}
    for _ in range(contest.asked.rounds):
        mine["peer"] += contest.peer(False, LOOKUP_KEYS, 4, 4)["hits"]
        contest.clean()
        for kind in ("fs", "raw_block"):
            mine[kind] += contest.ours(kind, False, True, LOOKUP_KEYS, 4, 4)["hits"]
            contest.clean()
    print()
    for who, took in mine.items():
        print(f"lookup of {LOOKUP_KEYS} names, all there, {who}: median "
              f"{statistics.median(took):.3f} ms, longest {max(took):.3f} ms"
              + ("" if who == "peer" else f" (at most {LOOKUP_LIMIT_MS:g})"))
    return max(mine["fs"] + mine["raw_block"]) <= LOOKUP_LIMIT_MS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", default=PEER, help="its `lmcache` command (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=64, help="objects of a call")
    parser.add_argument("--kib", type=int, default=1024, help="of an object")
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--nice", type=int, default=0,
                        help="of everyone; below 0, for root, others leave the core to them")
    parser.add_argument("--folder", default=None, help="where to measure; default: TMPDIR")
    asked = parser.parse_args()
    print(f"{machine()}, core {asked.core} alone; {asked.rounds} rounds in turns, each "
          f"{asked.calls} calls of {asked.keys} objects of {asked.kib} KiB\n")
    contest = Contest(asked)
    try:
        met = throughput(contest)
        return 0 if lookups(contest) and met else 1
    finally:
        contest.close()


if __name__ == "__main__":
    sys.exit(main())
