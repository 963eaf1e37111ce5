"""Who may use which route of the HTTP port, with each kind of token; probes; the page itself."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest

from .harness import BINARY, KIND, TERMINATED, TIME_SCALE, eventually
from .server import free_ports
from .test_http import HttpCase

API, SCRAPE = "api-secret-1", "scrape-secret-2"
PROBES = ("/", "/healthcheck", "/livez", "/readyz", "/periodic-threads-health")
READING = ("/status", "/config", "/quota", "/version")
CHANGING = (("POST", "/cache/clear"), ("GET", "/env"), ("POST", "/metrics/reset"))


def bearer(token: str | None) -> dict:
    return {"Authorization": f"Bearer {token}"} if token else {}


@unittest.skipIf(KIND == "peer", "the real server knows no tokens")
class AccessCase(HttpCase):
    tokens: dict[str, str] = {}  # flag: content of the file it names

    @classmethod
    def setUpClass(cls) -> None:
        if cls is AccessCase:
            raise unittest.SkipTest("what the classes below share")
        cls.metrics_port, = free_ports(1)
        cls.flags = ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(cls.metrics_port)]
        for flag, token in cls.tokens.items():
            with tempfile.NamedTemporaryFile("w", delete=False) as file:
                file.write(token + "\n")
            cls.addClassCleanup(os.unlink, file.name)
            cls.flags += [flag, file.name]
        super().setUpClass()

    def assertAnswers(self, expected: int, method: str, path: str, token: str | None,
                      port: int | None = None) -> None:
        status, headers, body = self.ask(method, path, None, bearer(token), port)
        self.assertEqual(status, expected, (method, path, token, body[:200]))
        if expected == 401:
            self.assertEqual(headers["www-authenticate"], "Bearer")
            self.assertIn("token", json.loads(body)["detail"])

    def assertMetricsAnswer(self, expected: int, token: str | None) -> None:
        for port in (self.server.http_port, self.metrics_port):
            self.assertAnswers(expected, "GET", "/metrics", token, port)

    def assertProbesAndPageAreOpen(self) -> None:
        for path in (*PROBES, "/dashboard"):
            for token in (None, "wrong"):
                self.assertAnswers(200, "GET", path, token)

    def assertNoSecretIsShown(self, secrets: tuple[str, ...]) -> None:
        shown = [self.ask("GET", path, None, bearer(API))[2]
                 for path in ("/config", "/env", "/status", "/dashboard", "/metrics")]
        shown.append(self.server.log().encode())
        for secret in secrets:
            for text in shown:
                self.assertNotIn(secret.encode(), text)


class NoToken(AccessCase):
    def test_this_machine_is_served_everything(self):
        self.assertProbesAndPageAreOpen()
        self.assertMetricsAnswer(200, None)
        for path in READING:
            self.assertAnswers(200, "GET", path, None)
        for method, path in CHANGING:
            self.assertAnswers(200, method, path, None)

    def test_readiness_and_liveness_say_what_they_mean(self):
        for path, word in (("/readyz", "ready"), ("/livez", "healthy"),
                           ("/healthcheck", "healthy")):
            self.assertEqual(json.loads(self.ask("GET", path)[2]), {"status": word})

    def test_the_page_carries_all_it_needs_and_allows_nothing_else(self):
        status, headers, body = self.ask("GET", "/dashboard")
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        policy = headers["content-security-policy"]
        self.assertTrue(policy.startswith("default-src 'none'; "), policy)
        self.assertNotIn("unsafe", policy)
        for tag, rule in (("style", "style-src"), ("script", "script-src")):
            (inside,) = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>".encode(), body, re.S)
            digest = base64.b64encode(hashlib.sha256(inside).digest()).decode()
            self.assertIn(f"{rule} 'sha256-{digest}';", policy)
        for reference in re.findall(rb"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""", body):
            self.assertTrue(reference.startswith((b"#", b"data:")), reference)
        self.assertNotIn(b"@import", body)
        self.assertNotIn(b"style=", body)  # the policy would refuse it


class ApiToken(AccessCase):
    tokens = {"--http-token-file": API}

    def test_metrics_stay_open_and_the_rest_asks_for_the_token(self):
        self.assertProbesAndPageAreOpen()
        self.assertMetricsAnswer(200, None)
        for method, path in [("GET", path) for path in READING] + list(CHANGING):
            for wrong in (None, "wrong", API[:-1]):
                self.assertAnswers(401, method, path, wrong)
            self.assertAnswers(200, method, path, API)
        self.assertNoSecretIsShown((API,))


class MetricsToken(AccessCase):
    tokens = {"--metrics-token-file": SCRAPE}

    def test_only_metrics_ask_for_it(self):
        self.assertProbesAndPageAreOpen()
        for wrong in (None, "wrong", SCRAPE[:-1], SCRAPE + "x"):
            self.assertMetricsAnswer(401, wrong)
        self.assertMetricsAnswer(200, SCRAPE)
        for path in READING:
            self.assertAnswers(200, "GET", path, None)
        self.assertIn("--metrics-token-file",
                      json.loads(self.ask("GET", "/metrics")[2])["detail"])
        self.assertNoSecretIsShown((SCRAPE,))


class BothTokens(AccessCase):
    tokens = {"--http-token-file": API, "--metrics-token-file": SCRAPE}

    def test_the_metrics_token_opens_metrics_alone_and_the_other_everything(self):
        self.assertProbesAndPageAreOpen()
        self.assertMetricsAnswer(401, None)
        for token in (SCRAPE, API):
            self.assertMetricsAnswer(200, token)
        for method, path in [("GET", path) for path in READING] + list(CHANGING):
            self.assertAnswers(401, method, path, SCRAPE)
            self.assertAnswers(200, method, path, API)
        view = json.loads(self.ask("GET", "/config", None, bearer(API))[2])["actord"]
        self.assertIs(view["metrics_token"], True)
        self.assertEqual(view["metrics_token_file"], self.flags[-1])
        self.assertNoSecretIsShown((API, SCRAPE))


@unittest.skipIf(KIND == "peer", "the real server knows no tokens")
class Start(unittest.TestCase):
    def refused(self, *flags: str, **variables: str) -> str:
        done = subprocess.run([BINARY, "--l1-size-gb", "0.05", "--eviction-policy", "LRU", *flags],
                              env={**os.environ, **variables}, capture_output=True, text=True,
                              timeout=20 * TIME_SCALE, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        return done.stderr

    def test_a_wrong_token_is_refused_without_being_shown(self):
        for text in (self.refused("--metrics-token", "hunter2 b"),
                     self.refused(LMCACHE_METRICS_TOKEN="hunter2 b"),
                     self.refused("--metrics-token", "hunter2", "--metrics-token-file", "x")):
            self.assertIn("--metrics-token", text)
            self.assertNotIn("hunter2", text)
        text = self.refused("--metrics-token-file", "/nowhere/token")
        self.assertIn("--metrics-token-file /nowhere/token: cannot be read", text)

    def test_help_shows_no_value(self):
        done = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True,
                              env={**os.environ, "LMCACHE_METRICS_TOKEN": "hunter2"})
        self.assertIn("--metrics-token TOKEN", done.stdout)
        self.assertNotIn("hunter2", done.stdout)


class ShuttingDown(HttpCase):
    def tearDown(self) -> None:
        pass  # the daemon has ended, as it should

    @unittest.skipIf(KIND == "peer", "ours alone")
    def test_a_daemon_that_ends_is_alive_and_not_ready(self):
        late = {}
        for path in ("/readyz", "/livez"):  # a request under way holds the end up
            late[path] = socket.create_connection(("127.0.0.1", self.server.http_port), 10)
            late[path].sendall(f"GET {path} HTTP/1.1\r\n".encode())
            self.assertEqual(self.ask("GET", path)[0], 200)
        self.server.process.send_signal(signal.SIGTERM)

        def takes_nobody():
            try:
                socket.create_connection(("127.0.0.1", self.server.http_port), 1).close()
                return False
            except ConnectionRefusedError:
                return True
        eventually(takes_nobody)
        answers = {}
        for path, connection in late.items():
            with connection:
                connection.sendall(b"Host: x\r\n\r\n")
                answers[path] = connection.makefile("rb").read()
        self.assertIn(b" 503 ", answers["/readyz"].splitlines()[0])
        self.assertTrue(answers["/readyz"].endswith(
            b'{"status":"not ready","reason":"shutting down"}'), answers["/readyz"])
        self.assertIn(b" 200 ", answers["/livez"].splitlines()[0])
        self.assertEqual(self.server.process.wait(20), TERMINATED)
