"""Runs the tests of GET /dashboard in headless Chromium; the last line is `N passed, N failed`.

usage: run.py [--daemon PATH] [--chromium PATH] [-k WORD] [-v]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUITES = ["page.test_page", "page.test_token"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", default="build/release/lmcache-actord",
                        help="the lmcache-actord binary (default: %(default)s)")
    parser.add_argument("--chromium", default="chromium", help="the browser")
    parser.add_argument("-k", metavar="WORD", action="append", help="only tests with this word")
    parser.add_argument("-v", action="store_true", help="name every test")
    args = parser.parse_args()
    os.environ["ACTORD_BINARY"] = os.path.abspath(args.daemon)
    os.environ["ACTORD_CHROMIUM"] = args.chromium
    if not os.access(os.environ["ACTORD_BINARY"], os.X_OK):
        print(f"{os.environ['ACTORD_BINARY']} is not there: build it with `./dev build`")
        return 2
    if not shutil.which(args.chromium):
        print(f"{args.chromium} is not there: install it with `./dev setup`")
        return 2
    sys.path.insert(0, TESTS)
    loader = unittest.TestLoader()
    if args.k:
        loader.testNamePatterns = [f"*{word}*" for word in args.k]
    result = unittest.TextTestRunner(verbosity=2 if args.v else 1).run(
        loader.loadTestsFromNames(SUITES))

    from page.page_case import close_browser
    close_browser()
    broken = {getattr(test, "test_case", test).id()
              for test, _ in result.failures + result.errors}
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - len(broken)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
