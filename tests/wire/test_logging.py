"""The log: levels, lines, formats, the files beside it, and readers that do not read."""

import fcntl
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

from .client import Client
from .harness import BINARY, TERMINATED, TIME_SCALE, WireCase, eventually, ours_only
from .protocol import Refused, cache_key, engine_driven_context
from .server import Server

TEXT_LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] LMCache "
                       r"(DEBUG|INFO|WARNING|ERROR|CRITICAL): .* "
                       r"\((\S+:\d+:)?lmcache(\.[a-z0-9-]+)?\)")
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ACCESS = re.compile(r"INFO:     \S+ - \"(GET|POST) ")


class LogCase(WireCase):
    """Lines that appear after the beginning of the test."""

    def setUp(self):
        super().setUp()
        self.seen = len(self.server.log())

    def fresh(self) -> list[str]:
        return self.server.log()[self.seen:].splitlines()

    def level(self, logger: str, level: str) -> None:
        code, body = self.server.http("GET", f"/loglevel?logger_name={logger}&level={level}")
        self.assertEqual(code, 200, body)

    def one_request(self) -> str:
        """A store, a lookup and a retrieve of two chunks; returns the request's id."""
        worker, tokens = self.worker(), self.tokens(2)
        worker.store(self.key(tokens))
        key = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(key), 2)
        self.assertIsNotNone(worker.retrieve(self.key(tokens, request=key["request_id"])))
        return key["request_id"]


@ours_only
class Text(LogCase):
    options = {"chunk": 16, "flags": ["--extra-logging-interval", "0.5", "--enable-extra-logging"]}

    def find(self, pattern: str) -> str:
        def a_line_is_there():
            return next((x for x in self.fresh() if re.search(pattern, x)), None)
        return eventually(a_line_is_there)

    def test_operators_read_what_was_stored_found_and_retrieved(self):
        request = self.one_request()
        self.find(r" LMCache INFO: Stored 32 tokens in \d+\.\d{3} seconds \(")
        self.find(r" LMCache INFO: Retrieved 32 tokens in \d+\.\d{3} seconds \(")
        self.find(r" LMCache INFO: Prefetch request completed \(L1\+L2\): 2/2 prefix hits, "
                  r"2/2 retained keys \(2 L1, 0 L2\) in \d+\.\d ms "
                  rf"\(external_request_id={request}, prefetch_request_id=\d+\)")
        self.assertFalse([x for x in self.fresh() if "DEBUG" in x])

    def test_every_line_has_the_form_that_scripts_know(self):
        self.one_request()
        self.find("Retrieved 32 tokens")
        for line in self.fresh():
            if not ACCESS.match(line):
                self.assertRegex(line, TEXT_LINE)

    def test_steps_come_and_go_with_the_level(self):
        self.level("lmcache", "DEBUG")
        self.addCleanup(self.level, "lmcache", "INFO")
        request = self.one_request()
        for text in (f"MP lookup/prefetch start: session={request}",
                     f"MP lookup/prefetch end: session={request} found_count=2",
                     f"MP retrieve start: session={request} device=cpu",
                     f"MP retrieve end: session={request} device=cpu retrieved_count=2",
                     "L1 write reserved: 2 keys", "L1 write finished: 2 keys",
                     "L1 read reserved: 2 keys", "L1 read finished: 2 keys",
                     "SM write reserved: 2 succeeded, 0 failed",
                     "SM write finished: 2 succeeded, 0 failed",
                     "SM read prefetched finished: 2 succeeded, 0 failed"):
            self.assertIn("LMCache DEBUG:", self.find(re.escape(text)))
        self.find(r"DEBUG: L1 memory usage 0\.\d\d below watermark 0\.80; skipping eviction\.")
        self.level("lmcache", "INFO")
        self.one_request()
        self.find("Retrieved 32 tokens")
        self.seen = len(self.server.log())
        self.one_request()
        self.find("Retrieved 32 tokens")
        self.assertFalse([x for x in self.fresh() if "DEBUG" in x])

    def test_one_part_can_be_loud_alone(self):
        self.level("lmcache.l1", "DEBUG")
        self.addCleanup(self.level, "lmcache", "INFO")
        self.one_request()
        self.find(r"DEBUG: L1 read finished: 2 keys \(.*lmcache\.l1\)")
        self.assertFalse([x for x in self.fresh() if "DEBUG: MP " in x])
        text = self.server.http("GET", "/loglevel")[1].decode()
        self.assertTrue(text.startswith("=== Loggers and Levels ===\nlmcache: INFO\n"), text)
        self.assertIn("\nlmcache.l1: DEBUG\n", text)
        for name, shown in (("lmcache.l1", "DEBUG"), ("lmcache.l2", "INFO"), ("other", "NOTSET")):
            self.assertEqual(self.server.http("GET", f"/loglevel?logger_name={name}")[1].decode(),
                             f"{name}: {shown}")
        self.assertEqual(self.server.http("GET", "/loglevel?logger_name=other&level=INFO")[0], 400)

    def test_traffic_is_summed_up_regularly(self):
        self.one_request()
        self.find(r"L0<->L1 stats \[cpu\] last \d+\.\ds: store ops=\d+ tokens=\d+ "
                  r"size=0\.00GB avg_copy=\S+ \| retrieve ops=\d+ tokens=\d+ size=0\.00GB ")
        self.find(r"L0<->L1 stats \[cpu\] cumulative: store ops=\d+ tokens=\d+ size=")
        self.find(r"L1 memory usage: 0\.\d\d/0\.25 GiB \(\d+\.\d%\)")

    def test_a_request_id_forges_no_line(self):
        self.level("lmcache", "DEBUG")
        self.addCleanup(self.level, "lmcache", "INFO")
        name = "r\n[2024-01-01 00:00:00,000] LMCache ERROR: forged\r\033[31m"
        self.client.hits(self.key(self.tokens(1), worker=None, request=name))
        self.find("forged")
        self.client.end_session(name)
        self.assertNotIn("\n[2024-01-01", self.server.log())
        self.assertNotIn("\033", self.server.log())

    def test_refused_requests_do_not_fill_the_log(self):
        began, asked = time.monotonic(), 300
        for _ in range(asked):
            with self.assertRaises(Refused):
                self.client.register_engine_driven(
                    engine_driven_context(5000 + self.number(), self.model, slots=0))
        self.find("refused: ")
        told = len([x for x in self.fresh() if "refused: " in x])
        self.assertLess(told, min(time.monotonic() - began + 2, asked / 10))


@ours_only
class Json(LogCase):
    options = {"chunk": 16, "flags": ["--log-format", "json"]}

    def records(self) -> list[dict]:
        return [json.loads(x) for x in self.fresh() if not ACCESS.match(x)]

    def test_every_line_is_an_object_and_names_its_request(self):
        request = self.one_request()

        def retrieved():
            return [r for r in self.records() if r["message"].startswith("Retrieved 32 tokens")]
        line = eventually(retrieved)[0]
        self.assertEqual(line["request_id"], request)
        self.assertEqual((line["level"], line["logger"], line["actor"]),
                         ("INFO", "lmcache.requests", "requests"))
        for record in [json.loads(x) for x in self.server.log().splitlines()
                       if not ACCESS.match(x)]:
            self.assertRegex(record["time"], UTC)
            self.assertTrue({"level", "logger", "message"} <= record.keys(), record)


@ours_only
class Levels(unittest.TestCase):
    def server(self, flags=(), **env) -> Server:
        server = Server(BINARY, flags=list(flags), env=env, l1_gb=0.05)
        self.addCleanup(server.discard)
        return server

    def lines(self, flags=(), **env) -> list[str]:
        server = self.server(flags, **env).start()
        self.assertEqual(server.stop(), TERMINATED)
        return [x for x in server.log().splitlines() if not ACCESS.match(x)]

    def test_the_variable_chooses_the_level(self):
        self.assertTrue(any("INFO: MPCacheServer closed" in x for x in self.lines()))
        for word in ("WARNING", "error", "CRITICAL"):
            lines = self.lines(["--prometheus-port", "0"], LMCACHE_LOG_LEVEL=word)
            self.assertEqual(lines, [], word)
        lines = self.lines(LMCACHE_LOG_LEVEL="debug")
        self.assertTrue(any("INFO: MPCacheServer closed" in x for x in lines))

    def test_a_wrong_word_means_info_and_is_told(self):
        lines = self.lines(LMCACHE_LOG_LEVEL="loud")
        self.assertTrue(any("WARNING: --log-level loud (from LMCACHE_LOG_LEVEL): unknown level" in x
                            and "(INFO is used)" in x for x in lines), lines)
        self.assertTrue(any("INFO: MPCacheServer closed" in x for x in lines))

    def test_colors_are_for_terminals_or_on_request(self):
        self.assertNotIn("\033", "".join(self.lines()))
        lines = self.lines(LMCACHE_LOG_COLOR="always")
        closed = next(x for x in lines if "MPCacheServer closed" in x)
        self.assertRegex(closed, r"^\033\[32;20m\[.*\] LMCache INFO:\033\[0m MPCacheServer closed "
                                 r"\033\[3m\(main\.cpp:\d+:lmcache\.server\)\033\[0m$")

    def test_the_garbage_monitor_is_accepted_and_said_to_do_nothing(self):
        lines = self.lines(["--enable-gc-monitor", "--gc-monitor-min-pause-ms", "2"])
        self.assertEqual(sum(bool(re.search("--enable-gc-monitor.* has no effect", x))
                             for x in lines), 1, lines)


@ours_only
class LookupHashes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="actord-lookups-")
        self.addCleanup(shutil.rmtree, self.folder)

    def test_lookups_are_written_for_the_simulator(self):
        target = os.path.join(self.folder, "a", "b")
        server = Server(BINARY, chunk=16, l1_gb=0.05,
                        flags=["--lookup-hash-log-dir", target, "--disable-logging",
                               "--log-level", "CRITICAL"]).start()
        self.addCleanup(server.discard)
        client = Client(server.endpoint)
        client.register_engine_driven(engine_driven_context(1, "m"))
        client.hits(cache_key(list(range(40)), model="m", request="r-1", worker=None))

        def written():
            return [x for name in (os.listdir(target) if os.path.isdir(target) else [])
                    for x in open(os.path.join(target, name), encoding="ascii")]
        line = eventually(written)[0]
        client.close()
        (name,) = os.listdir(target)
        self.assertRegex(name, r"^lookup_hashes_\d{8}_\d{6}_000000\.jsonl$")
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(target, name)).st_mode), 0o600)
        record = json.loads(line)
        self.assertEqual(list(record), ["timestamp", "request_id", "model_name", "chunk_size",
                                        "seq_len", "dtypes", "shapes", "chunk_hashes"])
        self.assertAlmostEqual(record["timestamp"], time.time(), delta=60)
        self.assertEqual((record["request_id"], record["model_name"], record["chunk_size"],
                          record["seq_len"]), ("r-1", "m", 16, 40))
        self.assertEqual(len(record["chunk_hashes"]), 2)
        self.assertRegex(record["chunk_hashes"][0], "^0x[0-9a-f]{64}$")
        self.assertEqual(line, json.dumps(record) + "\n")
        self.assertEqual(server.stop(), TERMINATED)

    def test_a_folder_that_cannot_be_written_ends_the_start(self):
        blocked = os.path.join(self.folder, "file")
        with open(blocked, "w", encoding="utf-8"):
            pass
        server = Server(BINARY, flags=["--lookup-hash-log-dir", blocked])
        ended = subprocess.run(server.command, capture_output=True, text=True, timeout=30,
                               check=False)
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(len(ended.stderr.splitlines()), 1)
        self.assertIn(f"--lookup-hash-log-dir {blocked}", ended.stderr)
        self.assertEqual(ended.stdout, "")


@ours_only
class ClosedStreams(unittest.TestCase):
    def test_the_log_never_goes_where_a_closed_stream_was(self):
        server = Server(BINARY, l1_gb=0.05)
        shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *server.command]
        server.process = subprocess.Popen(shell, env={**os.environ, "LMCACHE_LOG_LEVEL": "DEBUG"})
        self.addCleanup(server.discard)
        eventually(server._ready, 15)
        server.pools = server.mapped_pools()
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{server.pid}/fd/{fd}"), "/dev/null")
        self.assertEqual(server.stop(), TERMINATED)


class Unread(Server):
    """Its output goes into a pipe of one page that nobody reads."""

    def start(self):
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.process = subprocess.Popen(self.command, stdout=writer, stderr=writer, env=self._env)
        os.close(writer)
        eventually(self._ready, 15)
        self.pools = self.mapped_pools()
        return self

    def log(self):
        return ""


@ours_only
class Readers(unittest.TestCase):
    def setUp(self):
        self.server = Unread(BINARY, l1_gb=0.05, flags=["--log-level", "DEBUG"]).start()
        self.addCleanup(self.server.discard)

    def serve(self, lookups: int, name: str = "r") -> None:
        client = Client(self.server.endpoint)
        for i in range(lookups):
            client.hits(cache_key([i] * 300, model="m", request=f"{name}{i}", worker=None))
            client.end_session(f"{name}{i}")
        for _ in range(300):
            self.assertEqual(self.server.http("GET", "/healthcheck")[0], 200)
        client.close()

    def test_a_reader_that_never_reads_stops_nothing(self):
        before = self.server.resident_bytes(private=True)
        self.serve(3000, "r" * 1000)
        self.assertRegex(self.server.http("GET", "/metrics")[1].decode(),
                         r'lmcache_log_lines_discarded_total\{stream="stderr"\} [1-9]')
        self.assertLess(self.server.resident_bytes(private=True) - before, 64 << 20)
        began = time.monotonic()
        self.assertEqual(self.server.stop(), TERMINATED)
        self.assertLess(time.monotonic() - began, 10 * TIME_SCALE)
        os.close(self.server.reader)

    def test_a_reader_that_is_gone_stops_nothing(self):
        os.close(self.server.reader)
        self.serve(300)
        self.assertEqual(self.server.stop(), TERMINATED)

    def test_what_comes_after_a_gap_says_how_much_is_missing(self):
        self.serve(4000, "r" * 1000)  # some MiB of lines
        self.server.process.send_signal(signal.SIGTERM)
        with os.fdopen(self.server.reader, "rb") as pipe:
            text = pipe.read().decode()
        self.assertEqual(self.server.process.wait(20), TERMINATED)
        gaps = re.findall(r"WARNING: (\d+) log lines were discarded: standard error", text)
        self.assertEqual(len(gaps), 1)
        self.assertGreater(int(gaps[0]), 1000)
        self.assertTrue("MPCacheServer closed" in text)
