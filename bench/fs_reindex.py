"""How long a daemon takes to find a million files behind L1 at its start, and what serving costs.

usage: fs_reindex.py [--daemon PATH] [--files 1000000] [--shape flat|sharded] [--cold] [--folder D]
Makes files with the names of objects (4 KiB each, without blocks), starts the daemon on them and
serves prompts from L1 until all are in its index; the same for a folder without files, for the
memory. --cold, for root: the files lie in an image of a file system of their own, which is mounted
anew and out of the page cache before the daemon starts. Exit status 0 when indexing took at most
20 s, an object at most 200 bytes, and the median hit did not double.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from paths import Bench, encoded  # noqa: E402
from wire.server import Server  # noqa: E402

LIMIT_S, LIMIT_BYTES = 20, 200
FILE_BYTES = 4096


def make_files(folder: str, count: int, sharded: bool) -> None:
    """Files of one model with hashes all over the range, made by one process per core."""
    children = []
    workers = os.cpu_count()
    if sharded:
        for top in range(256):
            os.mkdir(f"{folder}/{top:02x}")
            for below in range(256):
                os.mkdir(f"{folder}/{top:02x}/{below:02x}")
    for worker in range(workers):
        if child := os.fork():
            children.append(child)
            continue
        rng = random.Random(worker)
        for _ in range(worker, count, workers):
            name = rng.randbytes(32).hex()
            where = f"{name[:2]}/{name[2:4]}/" if sharded else ""
            fd = os.open(f"{folder}/{where}org-SEP-model@0x01000100@0@{name}.data",
                         os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            os.ftruncate(fd, FILE_BYTES)
            os.close(fd)
        os._exit(0)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "a maker failed"


class Volume:
    """A file system in a file."""

    def __init__(self, folder: str, files: int):
        self.image, self.at = os.path.join(folder, "image"), os.path.join(folder, "mounted")
        os.mkdir(self.at)
        with open(self.image, "wb") as file:
            file.truncate((1 << 30) + files * 1024)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-N", str(int(files * 1.2) + 200_000),
                        self.image], check=True)
        self.mount()

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self.image, self.at], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.at], check=True)

    def chill(self) -> None:
        self.unmount()
        fd = os.open(self.image, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        self.mount()


class Daemon:
    """A daemon over a folder, and a client that is served from L1."""

    def __init__(self, binary: str, folder: str, sharded: bool):
        # Files without blocks: more bytes than the volume has, which the daemon would evict.
        adapter = {"type": "fs", "base_path": folder,
                   "cpp": {"shard_dirs": sharded, "max_capacity_gb": 1000}}
        self.began = time.monotonic()
        self.server = Server(binary, l1_gb=0.25, flags=[
            "--prometheus-port", "0", "--l2-adapter", json.dumps(adapter)]).start()
        self.ready_s = time.monotonic() - self.began
        self.bench = Bench(self.server, "", 0)
        self.bench.stored(1)

    def hit_ms(self) -> float:
        """Lookup, result, retrieve and end of 32 chunks in L1."""
        key = self.bench.key(1, worker=None)
        request, mine = key["request_id"], {**key, "worker_id": 0}
        calls = [encoded("lookup", key), encoded("wait_prefetch_status", request, 5.0),
                 encoded("prepare_retrieve", mine, 1), encoded("commit_retrieve", mine, 1),
                 encoded("end_session", request)]
        began = time.perf_counter()
        for call in calls:
            self.bench.call(call)
        return (time.perf_counter() - began) * 1e3

    def adapter(self) -> dict:
        return self.server.status()["storage_manager"]["l2_adapters"][0]

    def memory(self) -> int:
        return self.server.resident_bytes(private=True)

    def end(self) -> None:
        self.bench.close()
        self.server.stop()


def shown(took: list[float]) -> str:
    cuts = statistics.quantiles(took, n=100)
    return f"p50 {cuts[49]:.3f} ms, p99 {cuts[98]:.3f} ms of {len(took)}"


def measure(binary: str, folder: str, files: int, sharded: bool, what: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="actord-empty-") as empty:
        daemon = Daemon(binary, empty, sharded)
        alone = [daemon.hit_ms() for _ in range(2000)]
        time.sleep(3)  # pages of the pool are taken into use for a while
        base = daemon.memory()
        daemon.end()
    daemon = Daemon(binary, folder, sharded)
    meanwhile = []
    while (now := daemon.adapter())["scanning"]:
        for _ in range(50):
            meanwhile.append(daemon.hit_ms())
    seconds = time.monotonic() - daemon.began
    meanwhile = meanwhile or [daemon.hit_ms() for _ in range(50)]
    found = now["objects"]
    cpu = daemon.server.cpu_seconds()
    afterwards = [daemon.hit_ms() for _ in range(2000)]
    time.sleep(3)
    each = (daemon.memory() - base) / files
    ready = daemon.ready_s
    daemon.end()
    print(f"{what}: ready after {ready:.2f} s; all {found} found after {seconds:.1f} s (at most "
          f"{LIMIT_S}), {cpu:.1f} s of processor time\n"
          f"  {each:.0f} bytes of memory each (at most {LIMIT_BYTES})\n"
          f"  hits: without files {shown(alone)}\n"
          f"        meanwhile     {shown(meanwhile)}\n"
          f"        afterwards    {shown(afterwards)}", flush=True)
    assert found >= files, f"only {found} of {files} files were found"
    return (seconds <= LIMIT_S and each <= LIMIT_BYTES
            and statistics.median(meanwhile) <= 2 * statistics.median(afterwards))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--shape", choices=("flat", "sharded"), default="flat")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--folder", default=None, help="where files go; default: TMPDIR")
    asked = parser.parse_args()
    sharded = asked.shape == "sharded"
    with contextlib.ExitStack() as ends:
        folder = tempfile.mkdtemp(prefix="actord-reindex-", dir=asked.folder)
        ends.callback(shutil.rmtree, folder)
        volume = None
        if asked.cold:
            volume = Volume(folder, asked.files)
            ends.callback(volume.unmount)
        tree = os.path.join(volume.at if volume else folder, "tree")
        os.mkdir(tree)
        began = time.monotonic()
        make_files(tree, asked.files, sharded)
        print(f"{asked.files} files made in {time.monotonic() - began:.0f} s", flush=True)
        good = True
        if volume:
            volume.chill()
            good = measure(asked.daemon, tree, asked.files, sharded, f"{asked.shape}, cold")
        good &= measure(asked.daemon, tree, asked.files, sharded, f"{asked.shape}, warm")
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
