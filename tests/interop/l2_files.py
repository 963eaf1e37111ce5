"""Files behind L1 that one server wrote are served by the other, byte for byte.

usage: l2_files.py --peer PATH_OF_LMCACHE [--daemon PATH]
The real server's reader with O_DIRECT wants files padded to its alignment, which ours are not: it
is left out. Ends with a line `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from wire.client import Client  # noqa: E402
from wire.harness import CHUNK, PoolWorker, WireCase, eventually  # noqa: E402
from wire.server import Server  # noqa: E402

BINARIES = {"daemon": os.path.join(ROOT, "build/release/lmcache-actord"), "peer": ""}
MODELS = ["plain", "org/model-with-slash"]
SALTS = ["", "tenant-a"]


class Silence:
    """The client of a server that is gone."""

    def __getattr__(self, name):
        return lambda *args, **options: None


class Interop(WireCase):
    @classmethod
    def setUpClass(cls) -> None:
        pass

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="actord-interop-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.chunk, self.requests = CHUNK, []

    def tearDown(self) -> None:
        pass

    def start(self, kind: str, adapter: str) -> None:
        flag = json.dumps({"type": adapter, "base_path": self.folder})
        self.server = Server(BINARIES[kind], kind, l1_gb=0.0625, chunk=CHUNK,
                             flags=["--l2-adapter", flag]).start()
        self.client = Client(self.server.endpoint)

    def end(self) -> None:
        self.client.close()
        self.server.stop(60)
        self.client = Silence()  # workers unregister when the test is over

    def files(self) -> list[str]:
        return [name for name in os.listdir(self.folder) if name.endswith(".data")]

    def pass_on(self, writer: str, reader: str, adapter: str, world: int) -> None:
        tokens = self.tokens(5)
        self.start(writer, adapter)
        written = {}
        try:
            for self.model in MODELS:
                for salt in SALTS:
                    for rank in range(world):
                        worker = PoolWorker(self, world=world, rank=rank, hidden=64)
                        key = self.key(tokens, worker=rank, world=world, salt=salt)
                        tag = len(written)
                        self.assertEqual(worker.store(key, tag), list(range(5)))
                        written[self.model, salt, rank] = [worker.content(tag, n) for n in range(5)]

            def copied():
                return len(self.files()) == 5 * len(written)
            eventually(copied, 20)
        finally:
            self.end()
        self.start(reader, adapter)
        try:
            for self.model in MODELS:
                for salt in SALTS:
                    self.check(tokens, salt, world, written)
        finally:
            self.end()

    def check(self, tokens: list[int], salt: str, world: int, written: dict) -> None:
        workers = [PoolWorker(self, world=world, rank=rank, hidden=64) for rank in range(world)]
        lookup = self.key(tokens, worker=None, world=world, salt=salt)
        self.assertEqual(self.client.hits(lookup, 20), 5, (self.model, salt))
        for rank, worker in enumerate(workers):
            key = self.key(tokens, worker=rank, world=world, salt=salt,
                           request=lookup["request_id"])
            self.assertEqual(worker.retrieve(key), written[self.model, salt, rank])
        self.client.end_session(lookup["request_id"])


def add_cases() -> None:
    for writer, reader in (("peer", "daemon"), ("daemon", "peer"), ("daemon", "daemon")):
        for adapter in ("fs", "fs_native"):
            for world in (1, 2):
                def case(self, way=(writer, reader, adapter, world)):
                    self.pass_on(*way)
                setattr(Interop, f"test_{writer}_to_{reader}_{adapter}_world_{world}", case)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--daemon", default=BINARIES["daemon"])
    asked = parser.parse_args()
    BINARIES.update(peer=asked.peer, daemon=asked.daemon)
    add_cases()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Interop)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
