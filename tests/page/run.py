"""Runs the tests of GET /dashboard in headless Chromium; the last line is `N passed, N failed`.

usage: run.py [--daemon PATH] [--chromium PATH] [-k WORD] [-v] [SUITE...]
"""

from __future__ import annotations

import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import suites  # noqa: E402

SUITES = ["page.test_page", "page.test_token"]


def close_browser() -> list[str]:
    from page.page_case import close_browser as close
    close()
    return []


def main() -> int:
    parser = suites.flags(__doc__)
    parser.add_argument("--chromium", default="chromium", help="the browser")
    args = parser.parse_args()
    os.environ["ACTORD_CHROMIUM"] = args.chromium
    if not suites.use_daemon(args.daemon):
        return 2
    if not shutil.which(args.chromium):
        print(f"{args.chromium} is not there: install it with `./dev setup`")
        return 2
    return suites.run(args, SUITES, close_browser)


if __name__ == "__main__":
    sys.exit(main())
