"""What spans cost: a daemon that sends traces against one that only pushes metrics.

usage: tracing.py [--daemon PATH] [--pairs 12] [--requests 300] [--flags ...]
Both daemons push to a receiver of OTLP/HTTP in a process of its own, which reads and forgets. They
are loaded in turns with the same requests, 32 chunks each (bench/telemetry.py has them). Prints for
each pair the ratio of CPU time per request of the daemon, user and system, and the median; then how
many spans went out. Exit status 0 when the median is at most 1.05.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from paths import CHUNKS  # noqa: E402
from telemetry import Side  # noqa: E402

LIMIT_CPU = 1.05

RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def spans(side: Side) -> dict[str, float]:
    url = f"http://127.0.0.1:{side.server.http_port}/metrics"
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    found = re.findall(r'^lmcache_otlp_(exported|dropped)_points_total\{signal="traces"\} (\S+)$',
                       text, re.M)
    return {name: float(value) for name, value in found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--flags", nargs="*", default=[], help="more, for the side with traces")
    asked = parser.parse_args()
    receiver = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
    sides: list[Side] = []
    try:
        push = ["--otlp-protocol", "http/protobuf", "--otlp-endpoint",
                f"http://127.0.0.1:{int(receiver.stdout.readline())}"]
        sides = [Side(asked.daemon, [*push, "--enable-tracing", *asked.flags]),
                 Side(asked.daemon, push)]
        for side in sides:
            side.round(50)  # warm
        cpu, extra = [], []
        print(f"{asked.pairs} pairs of {asked.requests} requests, {CHUNKS} chunks each")
        for pair in range(asked.pairs):
            figures = {}
            for side in (sides if pair % 2 == 0 else sides[::-1]):
                figures[side] = side.round(asked.requests)
            on, off = figures[sides[0]], figures[sides[1]]
            cpu.append(on[0] / off[0])
            extra.append(on[0] - off[0])
            print(f"pair {pair + 1:2}: CPU {on[0]:7.1f} / {off[0]:7.1f} µs = {cpu[-1]:.3f}; "
                  f"p99 {on[1]:6.2f} / {off[1]:6.2f} ms")
        told = spans(sides[0])
        print(f"median: CPU {statistics.median(cpu):.3f} (at most {LIMIT_CPU}), "
              f"{statistics.median(extra):.1f} µs a request; spans: {told}")
        return 0 if statistics.median(cpu) <= LIMIT_CPU else 1
    finally:
        for side in sides:
            side.bench.close()
            side.server.stop()
        receiver.kill()
        receiver.wait()


if __name__ == "__main__":
    sys.exit(main())
