#!/usr/bin/env python3
"""Fails on words that do not belong into a published tree: notes to self, places of one machine."""

import re

import sources

# Each pattern is written so that it does not match its own text.
BANNED = {
    r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b": "a note to self: do it, or write down what holds instead",
    r"(?<![\w.$}])/(?:work|home|root|Users|opt|mnt)/\w": "a path of one machine",
    r"\b(?:pypi|pythonhosted|crates|npmjs|docker|ghcr|quay|gcr)\.(?:org|io|com)\b":
        "a package registry: leave the choice to the machine's own configuration",
    r"\b(?:deb|snapshot|security|archive|ports)\.(?:debian|ubuntu)\.(?:org|com)\b":
        "a package registry: leave the choice to the machine's own configuration",
    r"(?i)\bissue #?\d+\b": "a ticket: say what holds, not where it was asked for",
}
TEXT = {".md", ".toml", ".json", ".yml", ".yaml", ".service", ".txt", ".in"}


def violations(root):
    for path, relative in sources.files(root):
        known = path.suffix in sources.CODE | TEXT or path.name in sources.CODE_NAMES
        if not known or sources.is_data(relative):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for pattern, reason in BANNED.items():
                if match := re.search(pattern, line):
                    yield f"{relative.as_posix()}:{number}: '{match[0]}' is {reason}"


if __name__ == "__main__":
    sources.main(violations)
