"""Checks conf/ with Debian's Prometheus and ends with a line `N passed, N failed`.

usage: run.py [--daemon PATH] [-k WORD] [-v] [SUITE...]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUITES = ["stack.test_files", "stack.test_rules", "stack.test_queries",
          "stack.test_python_server"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", default="build/release/lmcache-actord",
                        help="the lmcache-actord binary (default: %(default)s)")
    parser.add_argument("-k", metavar="WORD", action="append", help="only tests with this word")
    parser.add_argument("-v", action="store_true", help="name every test")
    parser.add_argument("suites", nargs="*", help="modules, default all")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    os.environ["ACTORD_BINARY"] = os.path.abspath(args.daemon)
    if not os.access(os.environ["ACTORD_BINARY"], os.X_OK):
        print(f"{os.environ['ACTORD_BINARY']} is not there: build it with `./dev build`")
        return 2
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            print(f"{tool} is not there: `./dev setup` installs it")
            return 2
    sys.path.insert(0, TESTS)
    loader = unittest.TestLoader()
    if args.k:
        loader.testNamePatterns = [w if "*" in w else f"*{w}*" for w in args.k]
    suite = loader.loadTestsFromNames(args.suites or SUITES)
    result = unittest.TextTestRunner(verbosity=2 if args.v else 1).run(suite)
    broken = {getattr(t, "test_case", t).id() for t, _ in result.failures + result.errors}
    print(f"{result.testsRun - len(broken)} passed, {len(broken)} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
