"""A trace that the daemon recorded is read and replayed by the real server's commands.

usage: trace_files.py --peer PATH_OF_LMCACHE [--daemon PATH]
Ends with a line `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

parser = argparse.ArgumentParser()
parser.add_argument("--peer", required=True)
parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
chosen = parser.parse_args()
os.environ["ACTORD_BINARY"] = chosen.daemon

from wire.test_trace_recording import Recording  # noqa: E402

SAMPLE = os.path.join(ROOT, "tests/data/sample.lct")


def peer(*words: str, folder: str = ".") -> str:
    done = subprocess.run([chosen.peer, "trace", *words], capture_output=True, text=True,
                          cwd=folder, timeout=300, check=True,
                          env={**os.environ, "LMCACHE_DISABLE_BANNER": "1",
                               "LMCACHE_TRACK_USAGE": "false"})
    return done.stdout


class TraceFiles(Recording):
    def test_both_tell_the_same_of_our_file(self):
        self.start()
        self.run_requests(3)
        self.end()
        self.assertEqual(peer("info", self.path), self.trace("info", self.path))
        self.assertEqual(sum(self.calls().values()), 18)

    def test_both_tell_the_same_of_their_file(self):
        self.assertEqual(peer("info", SAMPLE), self.trace("info", SAMPLE))

    def test_they_replay_ours(self):
        self.start()
        self.run_requests(2)
        self.end()
        table = peer("replay", self.path, "--l1-size-gb", "0.0625", "--eviction-policy", "LRU",
                     "--disable-metrics", folder=self.folder)
        for line in ("Records replayed:                                             12",
                     "Records skipped:                                               0",
                     "Records failed:                                                0"):
            self.assertIn(line, table)


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(TraceFiles))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
