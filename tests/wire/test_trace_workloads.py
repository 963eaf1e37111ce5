"""`trace import` and `trace simulate`: the command lines, no server runs."""

import gzip
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from .harness import BINARY, ours_only

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
MOONCAKE = DATA / "mooncake_conversation.jsonl"
SESSIONS = [DATA / "agentic_session_1.json", DATA / "agentic_session_2.json"]
GOOD = '{"timestamp": 1, "input_length": 600, "output_length": 3, "hash_ids": [1, 2]}\n'


@ours_only
class Workloads(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def trace(self, *words, code=0):
        done = subprocess.run([BINARY, "trace", *map(str, words)], capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def imported(self, *paths, form="mooncake"):
        out = self.folder / "t.lct"
        self.trace("import", "--format", form, "--output", out, *paths)
        return out

    def simulated(self, *words):
        return json.loads(self.trace("simulate", "--json", *words).stdout)

    def test_a_piece_of_mooncake_hits_as_models_of_the_policies_do(self):
        lct = self.imported(MOONCAKE)
        found = self.simulated(lct, "--room", "full", "--policy", "MQ,ARC", "--l1-size-gb",
                               "11.75,58.8125")  # 188 and 941 blocks of 64 MiB
        self.assertEqual(found["workload"]["lookups"], 34967)
        hits = {(run["policy"], run["l1_size_bytes"] >> 26): run["hits"] for run in found["runs"]}
        self.assertEqual(hits, {("LRU", 188): 1233, ("MQ", 188): 1288, ("ARC", 188): 1249,
                                ("optimum", 188): 2608, ("LRU", 941): 1296, ("MQ", 941): 1857,
                                ("ARC", 941): 1335, ("optimum", 941): 5594})

    def test_all_policies_stand_beside_lru_and_the_optimum(self):
        lct = self.imported(MOONCAKE)
        done = self.trace("simulate", lct)
        for word in ("LRU", "ARC", "MQ", "IsolatedLRU", "noop", "optimum", "1,250 requests"):
            self.assertIn(word, done.stdout)
        self.assertEqual(done.stderr, "")  # no terminal: no progress
        self.assertEqual(done.stdout, self.trace("simulate", lct).stdout)
        ratios = {}
        for run in self.simulated(lct)["runs"]:
            ratios.setdefault(run["policy"], []).append(run["hit_ratio"])
        for policy, each in ratios.items():
            self.assertEqual(len(each), 6)
            for ours, best in zip(each, ratios["optimum"]):
                self.assertLessEqual(ours, best, policy)

    def test_gzip_changes_nothing(self):
        plain = self.imported(MOONCAKE).read_bytes()
        packed = self.folder / "m.jsonl.gz"
        packed.write_bytes(gzip.compress(MOONCAKE.read_bytes()))
        self.trace("import", "--format", "mooncake", packed)
        self.assertEqual((self.folder / "m.jsonl.gz.lct").read_bytes(), plain)
        packed.write_bytes(packed.read_bytes()[:-2000])
        done = self.trace("import", "--format", "mooncake", "--output", self.folder / "cut", packed,
                          code=1)
        self.assertIn("m.jsonl.gz", done.stderr)
        self.assertFalse((self.folder / "cut").exists())

    def test_sessions_begin_together_and_share_no_block(self):
        one = self.simulated(self.imported(SESSIONS[0], form="agentic"))["workload"]
        other = self.simulated(self.imported(SESSIONS[1], form="agentic"))["workload"]
        both = self.simulated(self.imported(*SESSIONS, form="agentic"))["workload"]
        for count in ("requests", "lookups", "blocks", "most_hits"):
            self.assertEqual(both[count], one[count] + other[count], count)
        self.assertEqual(one["requests"], 11)  # with those of the sub-agent
        self.assertEqual(one["block_bytes"], one["blocks"] * 64 * 131072)

    def test_an_imported_trace_is_a_trace(self):
        done = self.trace("info", self.imported(*SESSIONS, form="agentic"))
        self.assertIn("imported_from", done.stdout)
        self.assertRegex(done.stdout, r"reserve_write: +17\n")

    def test_a_bad_line_ends_the_import_with_its_line_and_field(self):
        bad = self.file("bad.jsonl", GOOD + '{"timestamp": 1, "input_length": -1}\n' + GOOD)
        out = self.folder / "out.lct"
        done = self.trace("import", "--format", "mooncake", "--output", out, bad, code=1)
        self.assertIn(f"{bad}:2: input_length: must be a whole number", done.stderr)
        self.assertEqual(os.listdir(self.folder), ["bad.jsonl"])
        done = self.trace("import", "--format", "mooncake", "--output", out, "--skip-bad-lines",
                          bad)
        self.assertIn("2 requests, 4 blocks of 512 tokens", done.stdout)
        self.assertIn("1 bad requests were skipped", done.stdout)
        self.assertIn("skipped: " + str(bad) + ":2:", done.stderr)
        broken = self.file("broken.json", '{"requests": [\n}')
        done = self.trace("import", "--format", "agentic", "--skip-bad-lines", broken, code=1)
        self.assertIn(f"{broken}: line 2: not JSON", done.stderr)

    def test_words_that_make_no_sense_are_told(self):
        good = self.file("good.jsonl", GOOD)
        lct = self.imported(good)
        for words, told in (
                (["import", good], "--format '' is not mooncake or agentic"),
                (["import", "--format", "mooncake", good, good], "one FILE"),
                (["import", "--format", "mooncake", "--kv-bytes-per-token", "1.5", good],
                 "whole number"),
                (["simulate", "--policy", "LRU,FIFO", lct], "'FIFO' is not LRU"),
                (["simulate", "--l1-size-gb", "1,x", lct], "'x' is not a number"),
                (["simulate", "--l1-size-gb", "1", "--l1-size-percent", "1", lct], "exclude"),
                (["simulate", "--room", "none", lct], "--room 'none'"),
                (["simulate", "--eviction-ratio", "2", lct], "from 0 to 1"),
                (["simulate", "--quota", "a", lct], "is not SALT=GIB"),
                (["simulate", "--quota", "a=1", lct], "no key of the trace has the salt 'a'"),
                (["simulate", "--speed", "1", lct], "there is no flag --speed"),
                (["simulate"], "FILE is missing")):
            with self.subTest(words):
                self.assertIn(told, self.trace(*words, code=2).stderr)
        self.assertIn("cannot open", self.trace("simulate", self.folder / "none", code=1).stderr)
        self.assertIn("trace file", self.trace("simulate", good, code=1).stderr)
        done = self.trace("import", "--format", "mooncake", self.folder, code=1)
        self.assertIn("cannot", done.stderr)

    def test_what_lmcache_recorded_can_be_simulated(self):
        found = self.simulated(DATA / "sample.lct")
        self.assertGreater(found["workload"]["lookups"], 0)

    def test_help_names_every_flag(self):
        for command, flags in (("import", ("--format", "--kv-bytes-per-token")),
                               ("simulate", ("--policy", "--l1-size-gb", "--room", "--quota"))):
            text = self.trace(command, "--help").stdout
            for flag in flags:
                self.assertIn(flag, text)
            self.assertLessEqual(max(map(len, text.splitlines())), 100)
        self.assertIn("simulate", self.trace("--help").stdout)
