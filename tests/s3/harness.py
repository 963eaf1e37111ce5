"""What the suites of the s3 store share: its driver, a real moto_server, keys."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

import boto3

DRIVER = os.environ.get("ACTORD_S3_DRIVER") or os.path.join(
    os.path.dirname(os.environ.get("ACTORD_BINARY", "build/release/lmcache-actord")), "s3_driver")
HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, "signing_moto.py")
KEY_ID, SECRET = "test-key-id-0000", "test-secret/with+characters="
MIB = 1 << 20


class Driver:
    """One backend in a process of its own; a method per command of tests/s3/driver.cpp."""

    def __init__(self, port: int, *, bucket: str = "pool", host: str = "127.0.0.1",
                 secret: str | None = SECRET, environment: dict[str, str] | None = None,
                 model: str = "org/model", path_style: bool = True, tls: bool = False,
                 key_id: str = KEY_ID, page: int = 1000, **cpp):
        options = {"type": "s3", "s3_endpoint": f"s3://{bucket}.{host}:{port}",
                   "s3_region": "us-east-1", "disable_tls": not tls, "s3_num_io_threads": 8,
                   "cpp": {"path_style": path_style, **cpp}}
        if secret is not None:
            options |= {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
        self.process = subprocess.Popen(
            [DRIVER, json.dumps(options), model, str(page)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": os.environ["PATH"], **(environment or {})})

    def ask(self, *words: str) -> dict:
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the driver ended with {self.process.wait(10)}")
        return json.loads(line)

    def batch(self, name: str, *objects: tuple[int, int, int]) -> dict:
        return self.ask(name, *(":".join(map(str, one)) for one in objects))

    def results(self, name: str, *objects: tuple[int, int, int]) -> list[str]:
        return self.batch(name, *objects)["results"]

    def open(self) -> str:
        return self.ask("open")["error"]

    def close(self) -> int:
        if self.process.stdin:
            self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


class Case(unittest.TestCase):
    """Ends what a test has started."""

    def driver(self, port: int, **options) -> Driver:
        driver = Driver(port, **options)
        self.addCleanup(lambda: self.assertEqual(driver.close(), 0, "the driver's exit status"))
        return driver

    def opened(self, port: int, **options) -> Driver:
        driver = self.driver(port, **options)
        self.assertEqual(driver.open(), "")
        return driver


class Moto:
    """A moto_server on a free port, which takes any signature until told otherwise."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-u", SERVER, "-H", "127.0.0.1", "-p", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise RuntimeError("moto_server did not start: " + "".join(said))
        self.log: list[str] = []
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        self.log.extend(self.process.stdout)

    def client(self, service: str, key_id: str = KEY_ID, secret: str = SECRET):
        """A client of AWS' own library."""
        return boto3.client(service, "us-east-1", endpoint_url=f"http://127.0.0.1:{self.port}",
                            aws_access_key_id=key_id, aws_secret_access_key=secret)

    def user(self, name: str, *actions: str) -> tuple[str, str]:
        """A new user who may do these; its key id and secret."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def ask_signatures(self, wanted: bool) -> None:
        """From now on every request must be signed by a user who may do it; or none needs to be."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", "/moto-api/reset-auth", b"0" if wanted else b"inf")
        assert connection.getresponse().status == 200
        connection.close()

    def requests(self, word: str) -> list[str]:
        """The request lines logged so far that hold a word."""
        time.sleep(0.05)
        return [line for line in self.log if word in line]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
