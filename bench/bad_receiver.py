"""What a receiver of spans that is down, slow or mad costs: against a daemon with a good one.

usage: bad_receiver.py [--daemon PATH] [--seconds 60] [--requests 100] [--ways WAY...]
Two daemons with --enable-tracing are loaded in turns with the same requests (bench/telemetry.py has
them), one of them with a receiver that misbehaves in one way after the other (refuse, hang,
garbage, 503), each for so many seconds. Prints for each way the median of the ratios of CPU time
per request, how the daemon's memory grew, what it dropped, and whether spans arrive again once the
receiver is well. Exit status 0 when each ratio is at most 1.03, memory grew by 4 MiB at most and
spans arrived again.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from telemetry import Side  # noqa: E402
from tracing import spans  # noqa: E402

LIMIT_CPU, LIMIT_GROWTH_MIB = 1.03, 4.0
HEAL_S = 90

RECEIVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        way = open(sys.argv[2]).read()
        if way == "hang":
            time.sleep(3600)
        if way == "garbage":
            self.wfile.write(b"\\xff\\x00 this is no answer\\r\\n\\r\\n" * 100)
            self.close_connection = True
            return
        self.send_response(503 if way == "503" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    def handle_error(self, *args): pass
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Receiver:
    """A process of its own that answers as its file says; "refuse": nobody listens."""

    def __init__(self, folder: str, name: str):
        self.port, self.file = free_port(), os.path.join(folder, name)
        self.process: subprocess.Popen | None = None
        self.behave("ok")

    def behave(self, way: str) -> None:
        with open(self.file, "w") as file:
            file.write(way)
        if way == "refuse":
            self.end()
        elif self.process is None:
            self.process = subprocess.Popen([sys.executable, "-c", RECEIVER, str(self.port),
                                             self.file])

    def end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def flags(self) -> list[str]:
        return ["--enable-tracing", "--otlp-protocol", "http/protobuf", "--otlp-endpoint",
                f"http://127.0.0.1:{self.port}"]


def rss_mib(side: Side) -> float:
    with open(f"/proc/{side.server.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def arrives_again(side: Side) -> float | None:
    """Seconds until spans go out; None: not in time."""
    before, began = spans(side).get("exported", 0), time.monotonic()
    while time.monotonic() - began < HEAL_S:
        side.round(20)
        if spans(side).get("exported", 0) > before:
            return time.monotonic() - began
    return None


def measure(way: str, sides: list[Side], bad: Receiver, seconds: float, requests: int) -> bool:
    bad.behave(way)
    sides[0].round(requests)  # the queue fills
    memory, dropped = rss_mib(sides[0]), spans(sides[0]).get("dropped", 0)
    ratios, began = [], time.monotonic()
    while time.monotonic() - began < seconds:
        order = sides if len(ratios) % 2 == 0 else sides[::-1]
        figures = {side: side.round(requests)[0] for side in order}
        ratios.append(figures[sides[0]] / figures[sides[1]])
    grown = rss_mib(sides[0]) - memory
    lost = spans(sides[0]).get("dropped", 0) - dropped
    bad.end()  # those that it hangs with go, too
    bad.behave("ok")
    again = arrives_again(sides[0])
    ratio = statistics.median(ratios)
    print(f"{way:8} {len(ratios):3} pairs: CPU {ratio:.3f}, memory {grown:+.1f} MiB, "
          f"{lost:.0f} spans dropped, well again after "
          f"{'never' if again is None else f'{again:.1f} s'}", flush=True)
    return ratio <= LIMIT_CPU and grown <= LIMIT_GROWTH_MIB and again is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--ways", nargs="*", default=["refuse", "hang", "garbage", "503"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        receivers = [Receiver(folder, "bad"), Receiver(folder, "good")]
        sides: list[Side] = []
        try:
            sides = [Side(asked.daemon, one.flags()) for one in receivers]
            for side in sides:
                side.round(3000)  # warm: what a young daemon grows by is no receiver's fault
            held = [measure(way, sides, receivers[0], asked.seconds, asked.requests)
                    for way in asked.ways]
            return 0 if all(held) else 1
        finally:
            for side in sides:
                side.bench.close()
                side.server.stop()
            for one in receivers:
                one.end()


if __name__ == "__main__":
    sys.exit(main())
