#!/usr/bin/env python3
"""Fails when clang-format would change a C++ source; with --write it changes them."""

import subprocess
import sys

import sources


def clang_format(root, *options):
    names = [str(relative) for _, relative in sources.cxx(root)]
    if not names:
        return ""
    result = subprocess.run(["clang-format", "--style=file", *options, *names], cwd=root, text=True,
                            stderr=subprocess.PIPE, check=False)
    return result.stderr if result.returncode else ""


def violations(root):
    """Yields one line per place that differs; the remedy is the same for all of them."""
    for line in clang_format(root, "--dry-run", "-Werror").splitlines():
        if "[-Wclang-format-violations]" in line:
            place = line.split(" error:")[0].rstrip(":")
            yield f"{place}: not in the project's format (./dev format mends it)"


if __name__ == "__main__":
    if "--write" in sys.argv:
        sys.exit(clang_format(sources.ROOT, "-i") or 0)
    sources.main(violations)
