"""Whether a flood of events harms what the daemon is for.

usage: event_flood.py [--binary PATH] [--rate 100000] [--seconds 30]
Two daemons are loaded in turns with the same requests. The bus of one is offered `rate` events a
second for a subscriber that handles a thousand. Prints the CPU time per request of the threads that
serve requests, the memory of the flooded daemon at the beginning and the end, and whether the laws
of the bus hold. Exit status 0 when they hold exactly, the CPU time is at most 1.10 of the other's,
and the memory has grown by at most 8 MiB.
"""

from __future__ import annotations

import argparse
import glob
import os
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from telemetry import Side  # noqa: E402

SERVING = ("zmq-gateway", "ZMQbg")
LIMIT_CPU, LIMIT_BYTES = 1.10, 8 << 20


def serving_ns(pid: int) -> int:
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*"):
        with open(path + "/comm") as name:
            if name.read().startswith(SERVING):
                with open(path + "/schedstat") as file:
                    total += int(file.read().split()[0])
    return total


def rss_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon")


class Flooded(Side):
    def __init__(self, binary: str, rate: int, seconds: int):
        os.environ.update(EVENT_FLOOD=str(rate), EVENT_FLOOD_SECONDS=str(seconds))
        super().__init__(binary, [])

    def cpu_of_round(self, count: int) -> float:
        before = serving_ns(self.server.pid)
        self.round(count)
        return (serving_ns(self.server.pid) - before) / count / 1e3


def bus_at_rest(server) -> dict:
    """What the bus says once the flood is over and everything that waited is handled."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        bus = server.status()["event_bus"]
        if bus["waiting"] == 0 and not any(s["waiting"] for s in bus["subscribers"]):
            return bus
        time.sleep(0.2)
    raise RuntimeError("the bus does not come to rest")


def check_laws(bus: dict) -> bool:
    """The terms come from several threads: they add up when nothing is on its way."""
    holds = bus["published"] == bus["dispatched"] + bus["dropped"] + bus["waiting"]
    for each in bus["subscribers"]:
        mine = each["handled"] + each["thrown"] + each["dropped"] + each["waiting"]
        holds &= each["dispatched"] == mine
    return holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/release/event_flood"))
    parser.add_argument("--rate", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    sides = [Flooded(asked.binary, asked.rate, asked.seconds), Flooded(asked.binary, 0, 0)]
    try:
        for side in sides:
            side.round(100)
        pid, ratios = sides[0].server.pid, []
        began, memory = time.monotonic(), rss_bytes(pid)
        while time.monotonic() - began < asked.seconds - 3:
            pair = sides if len(ratios) % 2 == 0 else sides[::-1]
            cpu = {side: side.cpu_of_round(200) for side in pair}
            ratios.append(cpu[sides[0]] / cpu[sides[1]])
            if len(ratios) == 1:  # every queue has been full once
                memory = rss_bytes(pid)
        grown = rss_bytes(pid) - memory
        bus = bus_at_rest(sides[0].server)
        slow = next(s for s in bus["subscribers"] if s["name"] == "SlowSubscriber")
        offered = bus["published"] / asked.seconds
        laws = check_laws(bus)
        ratio = statistics.median(ratios)
        print(f"{bus['published']} events offered (over {offered:.0f} a second), "
              f"{bus['dropped']} dropped by the bus; the slow subscriber: "
              f"{slow['handled']} handled, {slow['dropped']} dropped, {slow['waiting']} waiting")
        print(f"laws {'hold' if laws else 'DO NOT HOLD'}; memory grew by {grown / 2**20:.1f} MiB; "
              f"CPU per request {ratio:.3f} of the other's ({len(ratios)} pairs, at most "
              f"{LIMIT_CPU})")
        return 0 if laws and ratio <= LIMIT_CPU and grown <= LIMIT_BYTES else 1
    finally:
        for side in sides:
            side.bench.close()
            side.server.stop(60)


if __name__ == "__main__":
    sys.exit(main())
