"""Traces of a real daemon in a real Phoenix: one root a request, its steps below it.

usage: phoenix.py [--daemon PATH] [--phoenix PATH_OF_PYTHON]
Without --phoenix, Phoenix (`arize-phoenix`, from PyPI) goes into a virtual environment of its own,
build/phoenix, which takes a while and about 1 GB. Nothing is sent anywhere but to this machine.
Ends with a line `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from wire.client import Client  # noqa: E402
from wire.protocol import cache_key, engine_driven_context  # noqa: E402
from wire.server import Server, free_ports  # noqa: E402

CHUNK = 16
REQUESTS = 20


def installed() -> str:
    """The Python of a virtual environment that has Phoenix."""
    folder = os.path.join(ROOT, "build", "phoenix")
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "arize-phoenix"], check=True)
    return python


def serve(python: str, folder: str, http: int, grpc: int) -> subprocess.Popen:
    env = {**os.environ, "PHOENIX_PORT": str(http), "PHOENIX_GRPC_PORT": str(grpc),
           "PHOENIX_HOST": "127.0.0.1", "PHOENIX_WORKING_DIR": folder,
           "PHOENIX_TELEMETRY_ENABLED": "false"}
    process = subprocess.Popen([python, "-m", "phoenix.server.main", "serve"], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(120):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{http}/healthz", timeout=1).read()
            return process
        except OSError:
            time.sleep(1)
    process.kill()
    raise SystemExit("Phoenix did not start within two minutes")


def load(server: Server) -> list[str]:
    """Requests of every kind; returns their ids."""
    client, ids = Client(server.endpoint), []
    client.register_engine_driven(engine_driven_context(1, "m"))
    tokens = list(range(4 * CHUNK))
    for number in range(REQUESTS):
        ids.append(f"phoenix-{number}")
        key = cache_key(tokens, model="m", request=ids[-1], worker=None)
        mine = {**key, "worker_id": 0}
        hits = client.hits(key)
        if hits:
            client.call("prepare_retrieve", mine, 1)
            client.call("commit_retrieve", mine, 1)
        if client.prepare_store(mine, 1)["slots"]:
            client.commit_store(mine, 1)
        client.end_session(ids[-1])
    client.close()
    return ids


def received(http: int) -> list[dict]:
    url = f"http://127.0.0.1:{http}/v1/projects/default/spans?limit=1000"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def faults(spans: list[dict], ids: list[str]) -> list[str]:
    """What is not as it should be."""
    result = []
    by_id = {s["context"]["span_id"]: s for s in spans}
    roots = {s["attributes"].get("session_id"): s for s in spans if s["name"] == "request"}
    for request in ids:
        if request not in roots:
            result.append(f"{request}: no root")
    for span in spans:
        parent = span.get("parent_id")
        if span["name"] == "request" and parent:
            result.append(f"{span['attributes']}: a root with a parent")
        elif span["name"].startswith("mp.") and by_id.get(parent, {}).get("name") != "request":
            result.append(f"{span['name']}: its parent is no request")
    rates = {type(s["attributes"].get("hit_rate")) for s in roots.values()}
    if rates - {float, int}:
        result.append(f"hit_rate is {rates}")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemon", default=os.path.join(ROOT, "build/release/lmcache-actord"))
    parser.add_argument("--phoenix", help="a Python that has arize-phoenix")
    asked = parser.parse_args()
    python = asked.phoenix or installed()
    failed = 0
    for protocol in ("grpc", "http/protobuf"):
        http, grpc = free_ports(2)
        with tempfile.TemporaryDirectory() as folder:
            phoenix = serve(python, folder, http, grpc)
            try:
                port = grpc if protocol == "grpc" else http
                server = Server(asked.daemon, l1_gb=0.05, chunk=CHUNK, flags=[
                    "--prometheus-port", "0", "--enable-tracing", "--otlp-protocol", protocol,
                    "--otlp-endpoint", f"http://127.0.0.1:{port}"]).start()
                ids = load(server)
                server.stop()  # sends what is left
                for _ in range(30):
                    spans = received(http)
                    wrong = faults(spans, ids)
                    if not wrong:
                        break
                    time.sleep(1)
                print(f"{protocol}: {len(spans)} spans", *wrong, sep="\n  ")
                failed += bool(wrong)
            finally:
                phoenix.terminate()
                phoenix.wait()
    print(f"{2 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
