"""What daemons that send spans are measured with: a receiver of OTLP/HTTP that may misbehave."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request

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
        return ["--otlp-protocol", "http/protobuf", "--otlp-endpoint",
                f"http://127.0.0.1:{self.port}"]


def spans(http_port: int) -> dict[str, float]:
    """How many spans a daemon has sent and dropped."""
    with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/metrics") as answer:
        text = answer.read().decode()
    found = re.findall(r'^lmcache_otlp_(exported|dropped)_points_total\{signal="traces"\} (\S+)$',
                       text, re.M)
    return {name: float(value) for name, value in found}
