"""A real Prometheus with the configuration of conf/, on a free loopback port."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import yaml

from wire.harness import eventually
from wire.server import free_ports

CONF = pathlib.Path(__file__).resolve().parents[2] / "conf"
SCRAPE_INTERVAL = "500ms"
READY_S = 30.0


class Refused(Exception):
    """Prometheus refused a query; the text says why."""


class Prometheus:
    """conf/prometheus/prometheus.yml with other targets and a shorter interval, nothing else."""

    def __init__(self, target: str):
        self._folder = tempfile.TemporaryDirectory(prefix="actord-prometheus-")
        self._log = None
        self.port, = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None
        self._configure(pathlib.Path(self._folder.name), target)

    @staticmethod
    def _configure(folder: pathlib.Path, target: str) -> None:
        shutil.copy(CONF / "prometheus" / "alerts.yml", folder)
        config = yaml.safe_load((CONF / "prometheus" / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": SCRAPE_INTERVAL, "scrape_timeout": SCRAPE_INTERVAL,
                            "evaluation_interval": "1s"}
        for job in config["scrape_configs"]:
            ours = job["job_name"] == "lmcache-mp"
            job["static_configs"] = [{"targets": [target]}] if ours else []
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def __enter__(self) -> "Prometheus":
        folder = self._folder.name
        self._log = open(f"{folder}/log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=self._log, stderr=subprocess.STDOUT)
        try:
            eventually(self._ready, READY_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
        self._folder.cleanup()

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            self._log.seek(0)
            raise RuntimeError(f"prometheus ended at once:\n{self._log.read()[-4000:]}")
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ask(self, path: str, **parameters: str) -> dict:
        """The data of an API call; raises Refused with Prometheus's words."""
        form = urllib.parse.urlencode(parameters).encode() if parameters else None
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", form, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode(errors="replace")) from None

    def query(self, expression: str) -> list[dict]:
        """The series an expression gives now."""
        return self.ask("query", query=expression)["result"]
