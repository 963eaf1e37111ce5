#!/usr/bin/env python3
"""Counts test cases in a JUnit file of ctest and prints `N passed, N failed`.

A doctest or unittest binary is one test to ctest but many cases: its own summary is added up.
A test without a summary counts as one; a failed test whose summary blames no case (a crash, a leak
at exit) counts as one failed case more.

usage: count_cases.py JUNIT.xml     exit status 1 when a case failed
"""

import re
import sys
import xml.etree.ElementTree as xml

DOCTEST = re.compile(r"test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed")
UNITTEST = re.compile(r"^Ran (\d+) tests? in", re.M)
UNITTEST_BAD = re.compile(r"^FAILED \((.*)\)", re.M)


def cases(output, good):
    """Returns (passed, failed) of one ctest test with this output and verdict."""
    if found := DOCTEST.findall(output):
        passed = sum(int(counts[1]) for counts in found)
        failed = sum(int(counts[2]) for counts in found)
    elif found := UNITTEST.search(output):
        bad = UNITTEST_BAD.search(output)
        counts = re.findall(r"(?:failures|errors)=(\d+)", bad[1] if bad else "")
        failed = sum(map(int, counts))
        passed = int(found[1]) - failed
    else:
        passed, failed = int(good), 0
    return passed, failed if good or failed else 1


def main(path):
    passed = failed = 0
    for test in xml.parse(path).getroot().iter("testcase"):
        if test.get("status") == "disabled":
            continue
        counts = cases(test.findtext("system-out", ""), test.get("status") == "run")
        passed += counts[0]
        failed += counts[1]
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
