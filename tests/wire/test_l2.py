"""Objects that outlive L1: stored in files behind it, found and loaded again after restarts too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile

from .client import Client
from .harness import BINARY, CHUNK, PoolWorker, WireCase, eventually, ours_only
from .server import Server


class FilesCase(WireCase):
    """Each test has a server of its own over a folder of its own."""

    flags: list[str] = []
    adapter: dict = {}

    @classmethod
    def setUpClass(cls) -> None:
        pass

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="actord-l2-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.model = f"org/model-{self.number()}"
        self.chunk = CHUNK
        self.requests = []
        self.start()
        self.addCleanup(self.end)

    def start(self) -> None:
        adapter = {"type": "fs", "base_path": self.folder, **self.adapter}
        self.server = Server(BINARY, l1_gb=0.0625, chunk=CHUNK,
                             flags=["--l2-adapter", json.dumps(adapter), *self.flags]).start()
        self.client = Client(self.server.endpoint)

    def end(self) -> None:
        self.client.close()
        self.server.stop()

    def restart(self) -> None:
        self.end()
        self.start()

    def tearDown(self) -> None:
        self.assertTrue(self.server.alive(), self.server.log()[-4000:])

    def files(self) -> list[str]:
        return sorted(name for name in os.listdir(self.folder) if name.endswith(".data"))

    def stored(self, worker: PoolWorker, tokens: list[int], tag: int = 7) -> None:
        """Stores, and waits until every chunk lies in a file."""
        want = len(self.files()) + len(tokens) // CHUNK
        self.assertEqual(worker.store(self.key(tokens), tag), list(range(len(tokens) // CHUNK)))

        def copied():
            return len(self.files()) >= want
        eventually(copied)

    def plain_worker(self) -> PoolWorker:
        return PoolWorker(self, instance=5)

    def check_served(self, worker: PoolWorker, tokens: list[int], tag: int = 7) -> None:
        lookup = self.key(tokens, worker=None)
        chunks = len(tokens) // CHUNK
        self.assertEqual(self.client.hits(lookup), chunks)
        got = worker.retrieve(self.key(tokens, request=lookup["request_id"]))
        self.assertEqual(got, [worker.content(tag, n) for n in range(chunks)])
        self.client.end_session(lookup["request_id"])


@ours_only
class Files(FilesCase):
    def test_what_l1_lost_comes_back_from_files(self):
        worker, tokens = self.plain_worker(), self.tokens(4)
        self.stored(worker, tokens)
        self.client.clear(True)
        self.assertEqual(self.server.l1()["total_object_count"], 0)
        self.check_served(worker, tokens)
        # What was loaded goes with its last reader, unless the operator says `retain`.
        self.assertEqual(self.server.l1()["total_object_count"], 0)

    def test_a_restart_loses_nothing(self):
        worker, tokens = self.plain_worker(), self.tokens(5)
        self.stored(worker, tokens)
        self.restart()
        self.check_served(self.plain_worker(), tokens)

    def test_what_is_stored_right_before_the_end_is_kept(self):
        worker, tokens = self.plain_worker(), self.tokens(6)
        self.assertEqual(worker.store(self.key(tokens), 7), list(range(6)))
        self.restart()
        self.check_served(self.plain_worker(), tokens)

    def test_the_prefix_that_is_left_is_served(self):
        worker, tokens, names = self.plain_worker(), self.tokens(5), []
        for n in range(1, 6):
            before = set(self.files())
            self.stored_one_more(worker, tokens[:n * CHUNK])
            names += set(self.files()) - before
        self.client.clear(True)
        os.unlink(os.path.join(self.folder, names[2]))
        self.check_served(worker, tokens[:2 * CHUNK])
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 2)

    def stored_one_more(self, worker: PoolWorker, tokens: list[int]) -> None:
        want = len(self.files()) + 1
        self.assertEqual(worker.store(self.key(tokens), 7), [len(tokens) // CHUNK - 1])

        def copied():
            return len(self.files()) == want
        eventually(copied)

    def test_a_changed_file_is_a_miss_and_put_aside(self):
        worker, tokens = self.plain_worker(), self.tokens(1)
        self.stored(worker, tokens)
        self.client.clear(True)
        path = os.path.join(self.folder, self.files()[0])
        with open(path, "r+b") as file:
            file.seek(1000)
            byte = file.read(1)
            file.seek(1000)
            file.write(bytes([byte[0] ^ 1]))
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertEqual(self.files(), [])
        self.assertEqual(worker.store(self.key(tokens), 7), [0])

    def test_l1_and_files_together_serve_one_prefix(self):
        worker, tokens = self.plain_worker(), self.tokens(6)
        self.stored(worker, tokens)
        self.client.clear(True)
        self.assertEqual(worker.store(self.key(tokens[:3 * CHUNK]), 7), [0, 1, 2])
        self.check_served(worker, tokens)

    def test_status_and_metrics_tell_of_the_adapter(self):
        worker, tokens = self.plain_worker(), self.tokens(3)
        self.stored(worker, tokens)
        self.client.clear(True)
        self.check_served(worker, tokens)
        status = self.server.status()["storage_manager"]
        self.assertEqual(status["num_l2_adapters"], 1)
        adapter = status["l2_adapters"][0]
        self.assertEqual((adapter["type"], adapter["stored_objects"], adapter["loaded_objects"]),
                         ("fs", 3, 3))
        self.assertTrue(adapter["is_healthy"])


@ours_only
class Retaining(FilesCase):
    flags = ["--l2-prefetch-policy", "retain"]

    def test_what_was_loaded_stays(self):
        worker, tokens = self.plain_worker(), self.tokens(4)
        self.stored(worker, tokens)
        self.client.clear(True)
        self.check_served(worker, tokens)
        self.assertEqual(self.server.l1()["total_object_count"], 4)


@ours_only
class SkippingL1(FilesCase):
    flags = ["--l2-store-policy", "skip_l1"]

    def test_what_every_store_has_leaves_l1(self):
        worker, tokens = self.plain_worker(), self.tokens(4)
        self.stored(worker, tokens)

        def left():
            return self.server.l1()["total_object_count"] == 0
        eventually(left)
        self.check_served(worker, tokens)


@ours_only
class Refusals(WireCase):
    def start(self, adapter: dict) -> tuple[int, str]:
        done = subprocess.run(
            [BINARY, "server", "--port", "0", "--http-port", "0", "--prometheus-port", "0",
             "--l1-size-gb", "0.1", "--eviction-policy", "LRU", "--l2-adapter",
             json.dumps(adapter)], capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def test_a_folder_that_cannot_be_made_ends_the_start_with_its_name(self):
        code, text = self.start({"type": "fs", "base_path": "/proc/nowhere"})
        self.assertNotEqual(code, 0)
        self.assertIn("base_path", text)
        self.assertIn("/proc/nowhere", text)
