"""What the runners of the Python suites share: flags, and the last line that counts."""

from __future__ import annotations

import argparse
import os
import unittest
from collections.abc import Callable


def flags(description: str) -> argparse.ArgumentParser:
    """The flags that every runner has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--daemon", default="build/release/lmcache-actord",
                        help="the lmcache-actord binary (default: %(default)s)")
    parser.add_argument("-k", metavar="WORD", action="append", help="only tests with this word")
    parser.add_argument("-v", action="store_true", help="name every test")
    parser.add_argument("suites", nargs="*", help="modules, default all")
    return parser


def use_daemon(path: str) -> bool:
    """Tells the suites which binary to test; False, with a message, when it is not there."""
    os.environ["ACTORD_BINARY"] = os.path.abspath(path)
    if os.access(path, os.X_OK):
        return True
    print(f"{os.environ['ACTORD_BINARY']} is not there: build it with `./dev build`")
    return False


def run(args: argparse.Namespace, suites: list[str],
        at_end: Callable[[], list[str]] = lambda: []) -> int:
    """Runs the suites and `at_end`, whose faults count as failures; returns the exit status.

    The last line is `N passed, N failed`, with `, N skipped` when there are any.
    """
    loader = unittest.TestLoader()
    if args.k:
        loader.testNamePatterns = [w if "*" in w else f"*{w}*" for w in args.k]
    suite = loader.loadTestsFromNames(args.suites or suites)
    result = unittest.TextTestRunner(verbosity=2 if args.v else 1).run(suite)
    faults = at_end()
    for fault in faults:
        print("AT THE END:", fault)
    # One test may fail in several places.
    broken = {getattr(t, "test_case", t).id() for t, _ in result.failures + result.errors}
    failed = len(result.failures) + len(result.errors) + len(faults)
    skipped = len(result.skipped)
    passed = result.testsRun - len(broken) - skipped
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or result.testsRun == 0 else 0
