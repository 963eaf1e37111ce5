"""Checks conf/ with Debian's Prometheus and ends with a line `N passed, N failed`.

usage: run.py [--daemon PATH] [-k WORD] [-v] [SUITE...]
"""

from __future__ import annotations

import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import suites  # noqa: E402

SUITES = ["stack.test_files", "stack.test_rules", "stack.test_queries",
          "stack.test_python_server"]


def main() -> int:
    args = suites.flags(__doc__).parse_args()
    if not suites.use_daemon(args.daemon):
        return 2
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            print(f"{tool} is not there: `./dev setup` installs it")
            return 2
    return suites.run(args, SUITES)


if __name__ == "__main__":
    sys.exit(main())
