"""Runs the wire and fault suites and ends with a line `N passed, N failed`.

usage: run.py [--daemon PATH | --peer PATH] [--skip-slow] [-k WORD] [-v]
"""

from __future__ import annotations

import argparse
import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUITES = ["wire.test_vectors", "wire.test_management", "wire.test_engine_driven",
          "wire.test_lookup", "wire.test_lmcache_driven", "wire.test_geometry",
          "wire.test_pickle", "wire.test_pool", "wire.test_kv_events", "wire.test_errors",
          "wire.test_hostile", "wire.test_soak", "wire.test_server", "wire.test_http",
          "wire.test_access", "wire.test_metrics", "wire.test_events", "wire.test_identity",
          "fault.test_client_death"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", default="build/release/lmcache-actord",
                        help="the lmcache-actord binary (default: %(default)s)")
    parser.add_argument("--peer", metavar="PATH",
                        help="test the real server instead: path of its `lmcache` command")
    parser.add_argument("--time-scale", default="1", help="factor on waiting times")
    parser.add_argument("-k", metavar="WORD", action="append", help="only tests with this word")
    parser.add_argument("-v", action="store_true", help="name every test")
    parser.add_argument("suites", nargs="*", help="modules, default all")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    os.environ["ACTORD_BINARY"] = os.path.abspath(args.peer or args.daemon)
    os.environ["ACTORD_KIND"] = "peer" if args.peer else "daemon"
    os.environ["ACTORD_TIME_SCALE"] = args.time_scale
    if not os.access(os.environ["ACTORD_BINARY"], os.X_OK):
        print(f"{os.environ['ACTORD_BINARY']} is not there: build it with `./dev build`")
        return 2
    sys.path.insert(0, TESTS)
    loader = unittest.TestLoader()
    if args.k:
        loader.testNamePatterns = [w if "*" in w else f"*{w}*" for w in args.k]
    suite = loader.loadTestsFromNames(args.suites or SUITES)
    result = unittest.TextTestRunner(verbosity=2 if args.v else 1).run(suite)

    from wire.harness import stop_servers
    faults = stop_servers()
    for fault in faults:
        print("STOP FAILED:", fault)
    failed = len(result.failures) + len(result.errors) + len(faults)
    skipped = len(result.skipped)
    broken = {getattr(t, "test_case", t).id() for t, _ in result.failures + result.errors}
    passed = result.testsRun - len(broken) - skipped
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
