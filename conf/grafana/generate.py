#!/usr/bin/env python3
"""Writes the dashboards of this folder into provisioning/dashboards/; --check only compares.

usage: generate.py [--check]
"""

from __future__ import annotations

import json
import pathlib
import sys

import daemon
import gen_ai
import lmcache
import older_names

FOLDER = pathlib.Path(__file__).parent / "provisioning" / "dashboards"
DASHBOARDS = {"lmcache.json": lmcache, "lmcache-older-names.json": older_names,
              "gen-ai.json": gen_ai, "daemon.json": daemon}


def texts() -> dict[str, str]:
    """What each file must hold."""
    return {name: json.dumps(module.build(), indent=1, ensure_ascii=False) + "\n"
            for name, module in DASHBOARDS.items()}


def differing() -> list[str]:
    """The files that are missing, differ, or belong to no dashboard."""
    wanted = texts()
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys()
                  if wanted.get(name) != found.get(name))


def main() -> int:
    if "--check" in sys.argv[1:]:
        for name in (bad := differing()):
            print(f"{name} is not what generate.py writes: edit its module and run generate.py")
        return 1 if bad else 0
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
