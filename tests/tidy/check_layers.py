#!/usr/bin/env python3
"""Fails when a part of the tree includes a header of a part or library it may not know.

Dependencies point one way: storage knows the standard library only, gpu knows storage, runtime
knows CAF and liburing, actors know all rooms, and nothing but tests and benchmarks knows actors.
"""

import pathlib
import re

import sources

WIRE = "actors/gateway/wire"
TRACE = "observability/trace"
# Part: the parts it may include besides itself. A file belongs to the longest part that holds it.
PARTS = {
    "storage": {"storage"},
    "gpu": {"storage"},
    "runtime": set(),
    "observability": {"storage"},
    # Traces are msgpack too, and say shapes and types of tensors.
    TRACE: {"storage", "gpu", "observability", WIRE},
    "actors": {"storage", "gpu", "runtime", "observability", "actors"},
    WIRE: {"storage", "gpu"},
    # A request walks gateway, cache, transfer: a part knows those after it, never those before.
    "actors/gateway": {"actors/cache", "actors/transfer", "actors/telemetry"},
    "actors/cache": {"actors/transfer", "actors/l2", "actors/telemetry"},
    "actors/transfer": set(),
    "actors/l2": set(),
    "actors/telemetry": set(),
    # Commands that run parts of the daemon on recorded calls.
    "actors/trace": {"actors/cache", "actors/transfer", "actors/l2", "actors/telemetry"},
    "tests": {"storage", "gpu", "runtime", "observability", "actors"},
    "bench": {"storage", "gpu", "runtime", "observability", "actors", "tests"},
}
# What every folder of actors/ may know: the rooms, the decoded requests, and the files right in
# actors/ (messages.hpp, interfaces.hpp, error.hpp).
ACTOR_FOLDERS = {"actors/gateway", "actors/cache", "actors/transfer", "actors/l2",
                 "actors/telemetry", "actors/trace"}
ACTOR_COMMON = {"storage", "gpu", "runtime", "observability", WIRE, TRACE}

# Include (whole match from its beginning): the paths that may use it. Tests may use every library.
LIBRARIES = {
    r"caf/": ("runtime/", "actors/", "bench/"),
    r"liburing": ("runtime/",),
    r"cuda|cub/|thrust/": ("gpu/",),
    r"prometheus/": ("observability/",),
    r"[a-z_]+\.pb\.h": ("observability/otlp/",),
    r"curl/": ("actors/telemetry/", "actors/l2/"),
    r"hiredis/": ("actors/l2/",),
    r"zmq": ("actors/gateway/", "bench/"),
    r"httplib": ("actors/gateway/",),
    r"spdlog/|fmt/": ("actors/", "runtime/"),
    # storage/: the events of its parser, for the index that the peer leaves on block devices.
    r"nlohmann/": ("actors/", "runtime/", "observability/", "bench/",
                   "storage/raw_block_checkpoint_decode.cpp"),
    r"CLI/": ("runtime/options/",),
    r"blake3|openssl/|xxhash|xxh_": ("storage/", "actors/transfer/", "actors/l2/", "bench/",
                                       "actors/telemetry/trace_header.cpp"),
    r"msgpack": ("bench/",),
    r"benchmark/": ("bench/",),
    r"doctest/": (),
}

# Plain C++: no CAF, threads, clocks or system calls, but where foreign memory is mapped and its
# loss survived.
PLAIN = ("storage/", "gpu/", WIRE + "/", TRACE + "/")
SYSTEM_CODE = {"gpu/host_device.cpp", "gpu/host_device.hpp", "gpu/bus_error_guard.cpp",
               "gpu/bus_error_guard.hpp"}
NOT_PLAIN = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "stop_token",
             "semaphore", "latch", "barrier", "chrono", "ctime", "fstream", "iostream",
             "filesystem", "csignal"}
PLAIN_HEADERS = re.compile(r"[a-z_]+|.*intrin\.h|arm_neon\.h|blake3\.h|openssl/.*|xxhash\.h|cuda.*"
                           r"|nlohmann/json\.hpp")

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def part_of(path):
    """Returns the part that holds a path, "" when none does."""
    holders = [part for part in PARTS if path.startswith(part + "/")]
    return max(holders, key=len, default="")


def may_include(relative, target):
    source, goal = part_of(relative), part_of(target)
    if source in (goal, "tests"):
        return True
    if source in ACTOR_FOLDERS and goal in ACTOR_COMMON | {"actors"}:
        return True
    allowed = PARTS[source]
    return goal in allowed or (source in ("actors", "bench") and goal.split("/")[0] in allowed)


def library_error(relative, target):
    """Returns why this file may not use a header of a library, None when it may."""
    plain = relative.startswith(PLAIN) and relative not in SYSTEM_CODE
    if plain and (target in NOT_PLAIN or not PLAIN_HEADERS.fullmatch(target)):
        return "is plain C++ (no CAF, threads, clocks, system calls) and"
    if relative.startswith(WIRE + "/") and target.startswith(("zmq", "spdlog/")):
        return "is plain C++ and"
    for library, users in LIBRARIES.items():
        if re.match(library, target) and not relative.startswith(users + ("tests/",)):
            return f"is not among the users of this library ({', '.join(users) or 'tests/'}) and"
    return None


def violations(root):
    for path, relative in sources.cxx(root):
        relative = relative.as_posix()
        if not part_of(relative):
            continue
        text = path.read_text()
        if path.suffix == ".hpp" and "#pragma once" not in text:
            yield f"{relative}:1: a header says #pragma once"
        for number, line in enumerate(text.splitlines(), 1):
            if not (match := INCLUDE.match(line)):
                continue
            target, where = match[2], f"{relative}:{number}:"
            if match[1] == '"' and not (part_of(target) and (root / target).is_file()):
                yield f"{where} names no file from the root of the repository: {target}"
            elif part_of(target) and not may_include(relative, target):
                yield f"{where} must not include {target}"
            elif match[1] == "<" and (error := library_error(relative, target)):
                yield f"{where} {error} must not include <{target}>"


if __name__ == "__main__":
    sources.main(violations)
