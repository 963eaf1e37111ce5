"""What a running daemon records, and the commands that read it."""

import json
import os
import shutil
import stat
import subprocess
import tempfile

from .harness import BINARY, CHUNK, PoolWorker, WireCase, eventually, ours_only
from .client import Client
from .server import Server

PREFIX = "lmcache.v1.distributed.storage_manager.StorageManager."


class Recording(WireCase):
    """A daemon of its own for every test: the file is whole when it has ended."""

    @classmethod
    def setUpClass(cls) -> None:
        pass

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="actord-trace-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "run.lct")
        self.chunk, self.requests, self.model = CHUNK, [], "model"

    def tearDown(self) -> None:
        pass

    def start(self, *flags: str, path: str | None = None, **options) -> None:
        self.server = Server(BINARY, l1_gb=0.0625, chunk=CHUNK, flags=[
            "--trace-level", "storage", "--trace-output", path or self.path, *flags],
            **options).start()
        self.addCleanup(self.server.discard)
        self.client = Client(self.server.endpoint)

    def life(self, worker: PoolWorker, chunks: int = 4) -> None:
        """A request that stores, finds and reads."""
        tokens = self.tokens(chunks, seed=self.number())
        worker.store(self.key(tokens))
        again = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(again), chunks)
        worker.retrieve(self.key(tokens, request=again["request_id"]))
        self.client.end_session(again["request_id"])

    def run_requests(self, count: int = 1) -> None:
        worker = self.worker()
        for _ in range(count):
            self.life(worker)

    def end(self) -> str:
        self.client.close()
        self.server.stop()
        self.client = Silence()  # workers unregister when the test is over
        return self.server.log()

    def trace(self, *words: str, code: int = 0) -> str:
        done = subprocess.run([BINARY, "trace", *words], capture_output=True, text=True,
                              cwd=self.folder, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def calls(self, path: str | None = None) -> dict[str, int]:
        lines = self.trace("info", path or self.path).partition("  ops:\n")[2].splitlines()
        return {name.strip().removeprefix(PREFIX): int(count)
                for name, count in (line.rsplit(": ", 1) for line in lines)}


class Silence:
    """The client of a server that is gone."""

    def __getattr__(self, name):
        return lambda *args, **options: None


@ours_only
class File(Recording):
    def test_a_request_is_six_calls(self):
        self.start()
        self.run_requests()
        log = self.end()
        self.assertIn(f"trace recorder writing to {self.path} (level=storage)", log)
        self.assertIn(f"trace recorder closed cleanly: {self.path}", log)
        self.assertEqual(self.calls(), {
            "reserve_write": 1, "finish_write": 1, "submit_prefetch_task": 1,
            "read_prefetched_results.__enter__": 1, "read_prefetched_results.__exit__": 1,
            "finish_read_prefetched": 1})
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_a_killed_daemon_leaves_what_it_recorded(self):
        self.start()
        self.run_requests(3)

        def written():
            return self.calls().get("finish_read_prefetched") == 3
        eventually(written)
        self.server.discard()
        self.client = Silence()
        self.assertEqual(sum(self.calls().values()), 18)
        with open(self.path, "ab") as file:
            file.write(b"\0\0\1\0half a record")
        done = subprocess.run([BINARY, "trace", "info", self.path], capture_output=True, text=True,
                              timeout=60, check=True)
        self.assertIn("total_records:              18", done.stdout)
        self.assertIn("WARNING: TraceReader: truncated frame body at offset", done.stderr)

    def test_full_files_make_room_for_the_next(self):
        self.start("--trace-max-bytes", "6000", "--trace-max-files", "2")
        self.run_requests(12)
        self.end()
        files = sorted(os.listdir(self.folder))
        self.assertEqual(len(files), 2, files)
        for name in files:
            path = os.path.join(self.folder, name)
            self.assertLessEqual(os.path.getsize(path), 6000)
            self.assertGreater(sum(self.calls(path).values()), 0)

    def test_calls_that_were_lost_are_told(self):
        self.start("--event-bus-queue-size", "1")
        self.run_requests(20)
        self.end()
        done = subprocess.run([BINARY, "trace", "info", self.path], capture_output=True, text=True,
                              timeout=60, check=True)
        lost = int(done.stderr.split(" records were lost")[0] or 0)
        self.assertGreater(lost, 0)
        self.assertEqual(sum(self.calls().values()) + lost, 120)

    def test_a_full_disk_ends_the_recording_and_nothing_else(self):
        limit = 12000  # the whole process may write no larger file, as on a full disk
        self.start()
        subprocess.run(["prlimit", f"--pid={self.server.pid}", f"--fsize={limit}"], check=True)
        self.run_requests(10)
        log = self.end()
        self.assertEqual(log.count("trace recorder: write failed"), 1, log)
        self.assertIn("record(s) dropped", log)
        self.assertGreater(sum(self.calls().values()), 5)

    def test_a_file_that_cannot_be_made_ends_the_start(self):
        with self.assertRaisesRegex(RuntimeError, "--trace-output: cannot make"):
            self.start(path="/proc/none/x.lct")


@ours_only
class Replay(Recording):
    FLAGS = ("--l1-size-gb", "0.0625", "--eviction-policy", "LRU", "--chunk-size", str(CHUNK))

    def test_a_recorded_run_is_replayed_and_drawn(self):
        self.start()
        self.run_requests(3)
        self.end()
        table = self.trace("replay", self.path, *self.FLAGS, "--speed", "0", "--json",
                           "--jsonl-out", "out.jsonl")
        rows = dict(line.split(":") for line in table.splitlines() if ":" in line)
        rows = {label: value.strip() for label, value in rows.items()}
        self.assertEqual((rows["Records replayed"], rows["Records skipped"],
                          rows["Records failed"]), ("18", "0", "0"))
        self.assertTrue(rows["Config digest"].startswith("match ("), rows)
        self.assertEqual(rows["Hit rate (%)"], "100.00")
        with open(os.path.join(self.folder, "trace_replay_summary.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["ops"][PREFIX + "reserve_write"]["count"], 3)
        with open(os.path.join(self.folder, "trace_replay_ops.csv"), newline="",
                  encoding="utf-8") as file:
            self.assertEqual(len(file.read().split("\r\n")), 8)
        self.trace("plot", "out.jsonl")
        with open(os.path.join(self.folder, "out.jsonl.svg"), encoding="utf-8") as file:
            self.assertIn("Hit rate of lookups", file.read())

    def test_two_replays_find_the_same(self):
        self.start()
        self.run_requests(5)
        self.end()
        store = json.dumps({"type": "fs", "base_path": os.path.join(self.folder, "kv")})

        def found(name, *flags):
            self.trace("replay", self.path, *self.FLAGS, "--speed", "0", "--no-csv", "-q",
                       "--jsonl-out", name, *flags)
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
            return [(line.get("hits"), line["l1_used_bytes"]) for line in lines]
        self.assertEqual(found("a"), found("b"))
        self.assertEqual(len(found("c", "--l2-adapter", store)), 30)

    def test_the_real_servers_file_is_replayed_in_its_own_time(self):
        sample = os.path.join(os.path.dirname(__file__), "../data/sample.lct")
        table = self.trace("replay", os.path.abspath(sample), "--l1-size-gb", "0.25",
                           "--eviction-policy", "LRU", "--verbose")
        self.assertIn("[6/6]  OK", table)
        self.assertIn("Records replayed:                                              6", table)
        self.assertRegex(table, r"Config digest: +match \(3c240684\)\n")

    def test_words_that_cannot_be_used_are_told(self):
        self.trace(code=2)
        self.trace("nothing", code=2)
        self.trace("info", code=2)
        self.trace("info", "absent.lct", code=1)
        self.trace("replay", "absent.lct", "--nope", code=2)
        self.trace("replay", "absent.lct", "--speed", "-1", code=2)
        for command in ("info", "replay", "plot"):
            self.assertIn("usage: lmcache-actord trace " + command, self.trace(command, "--help"))
