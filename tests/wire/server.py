"""Starts and stops the server under test: the daemon, or the real peer for comparison."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

READY_S = {"daemon": 15.0, "peer": 90.0}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all held at once so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


class Server:
    """One server process on free loopback ports.

    kind: "daemon" (binary = lmcache-actord), "peer" (binary = the `lmcache` command) or "floor".
    """

    def __init__(self, binary: str, kind: str = "daemon", *, l1_gb: float = 0.25,
                 chunk: int | None = None, flags: list[str] | None = None,
                 env: dict[str, str] | None = None):
        self.binary, self.kind, self.chunk = binary, kind, chunk or 256
        self.port, self.http_port = free_ports(2)
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self._env = {**os.environ, "LMCACHE_DISABLE_BANNER": "1", "LMCACHE_TRACK_USAGE": "false",
                     **(env or {})}
        self.command = [binary, "server", "--host", "127.0.0.1", "--port", str(self.port),
                        "--http-port", str(self.http_port), "--l1-size-gb", str(l1_gb),
                        "--eviction-policy", "LRU"]
        if kind == "floor":
            self.command = [binary, str(self.port), str(self.chunk)]
        if kind == "peer":
            self.command += ["--supported-transfer-mode", "auto", "--shm-name",
                             f"peer{self.port}"]
        if chunk and kind != "floor":
            self.command += ["--chunk-size", str(chunk)]
        self.command += flags or []
        self.process: subprocess.Popen | None = None
        self._log = None
        self.pools: list[str] = []

    def start(self) -> "Server":
        """Starts the process and returns once it serves; raises with the log when it does not."""
        self._log = tempfile.NamedTemporaryFile("w+", suffix=".log", prefix="actord-server-")
        self.process = subprocess.Popen(self.command, stdout=self._log, stderr=subprocess.STDOUT,
                                        env=self._env)
        deadline = time.monotonic() + READY_S.get(self.kind, 15.0)
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.log()
                self.pools = self.mapped_pools() if self.alive() else []
                self.discard()
                raise RuntimeError(f"{' '.join(self.command)} does not serve:\n{text[-4000:]}")
            time.sleep(0.005)
        self.pools = self.mapped_pools()
        return self

    def _ready(self) -> bool:
        if self.kind == "floor":
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return True
            except OSError:
                return False
        try:
            return self.http("GET", "/healthcheck")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        with open(self._log.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def alive(self) -> bool:
        return self.process.poll() is None

    def mapped_pools(self) -> list[str]:
        """Shared-memory pool files the process has mapped."""
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as maps:
            return sorted({"/dev/shm/" + line.split("/dev/shm/")[1].split()[0]
                           for line in maps if "/dev/shm/lmcache_l1_pool_" in line})

    def stop(self, timeout_s: float = 20.0) -> int:
        """SIGTERM and wait; returns the exit status. Pool files must be gone then."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def discard(self) -> None:
        """Kills it and removes what a killed server leaves behind."""
        self.kill()
        for pool in self.pools:
            if os.path.exists(pool):
                os.unlink(pool)

    # HTTP

    def http(self, method: str, path: str, body: object = None,
             timeout_s: float = 10.0) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout_s)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data,
                               {"Content-Type": "application/json"} if data else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def status(self) -> dict:
        code, body = self.http("GET", "/status")
        if code != 200:
            raise RuntimeError(f"GET /status: {code} {body[:200]!r}")
        return json.loads(body)

    def l1(self) -> dict:
        return self.status()["storage_manager"]["l1_manager"]

    def leases(self) -> dict[str, int]:
        """Counts that must be zero when nobody uses anything."""
        l1 = self.l1()
        return {name: l1[name] for name in
                ("write_locked_count", "read_locked_count", "staging_object_count")}

    # Process figures

    def resident_bytes(self, *, private: bool = False) -> int:
        """Resident memory; private=True leaves out shared memory (the pool)."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
        kib = int(fields["VmRSS"].split()[0])
        return (kib - (int(fields["RssShmem"].split()[0]) if private else 0)) * 1024

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def cpu_seconds(self) -> float:
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
