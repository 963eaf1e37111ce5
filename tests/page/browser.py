"""Headless Chromium over the DevTools protocol, through a pair of pipes: no port, no library."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import tempfile
import time
from typing import Any, Callable

ANSWER_S = 30.0
# As root there is no sandbox; the rest keeps it from asking other machines for anything.
FLAGS = ["--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu",
         "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps",
         "--disable-extensions", "--mute-audio", "--hide-scrollbars", "--lang=en-GB"]


class BrowserError(Exception):
    """The browser refused a command, did not answer in time, or ended."""


class Browser:
    def __init__(self, binary: str):
        self._profile = tempfile.TemporaryDirectory(prefix="actord-page-",
                                                    ignore_cleanup_errors=True)
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        # The browser reads commands from descriptor 3 and writes to 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{commands} 4>&{answers}', binary, *FLAGS,
             f"--user-data-dir={self._profile.name}", "about:blank"],
            pass_fds=(commands, answers), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"})
        os.close(commands)
        os.close(answers)
        self._buffer = b""
        self._last_id = 0
        self._answers: dict[int, dict] = {}
        self._tabs: dict[str, Tab] = {}

    def close(self) -> None:
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def open_tab(self, width: int = 1600, height: int = 1000) -> "Tab":
        """A tab with cookies and storage of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank",
                           browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._tabs[session] = Tab(self, session, target)
        self._tabs[session].prepare(width, height)
        return self._tabs[session]

    def call(self, method: str, session: str | None = None, **params: Any) -> dict:
        self._last_id += 1
        mine = self._last_id
        message = {"id": mine, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._send(message)
        deadline = time.monotonic() + ANSWER_S
        while mine not in self._answers:
            self.pump(deadline - time.monotonic())
            if time.monotonic() > deadline:
                raise BrowserError(f"{method}: no answer within {ANSWER_S} s")
        answer = self._answers.pop(mine)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def post(self, method: str, session: str, **params: Any) -> None:
        """A command whose answer nobody waits for."""
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params,
                    "sessionId": session})

    def _send(self, message: dict) -> None:
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data):]

    def pump(self, wait_s: float) -> None:
        """Takes in what the browser has to say, waiting for something at most so long."""
        if not select.select([self._from], [], [], max(0.0, wait_s))[0]:
            return
        data = os.read(self._from, 1 << 16)
        if not data:
            raise BrowserError(f"the browser ended with exit status {self.process.wait()}")
        *whole, self._buffer = (self._buffer + data).split(b"\0")
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                self._answers[message["id"]] = message
            elif tab := self._tabs.get(message.get("sessionId", "")):
                tab.take(message["method"], message["params"])


class Tab:
    def __init__(self, browser: Browser, session: str, target: str):
        self.browser, self.session, self.target = browser, session, target
        self.complaints: list[str] = []  # what the console shows as error or warning
        self.network_complaints: list[str] = []  # the same of answers that failed or were refused
        self.requested: list[str] = []
        self._stub: Callable[[str], str | None] | None = None

    def prepare(self, width: int, height: int) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def call(self, method: str, **params: Any) -> dict:
        return self.browser.call(method, self.session, **params)

    def close(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self.target)

    def take(self, method: str, params: dict) -> None:
        if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            to = self.network_complaints if entry["source"] == "network" else self.complaints
            to.append(f"{entry['source']}: {entry['text']}")
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description")
                                   or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning",
                                                                          "assert"):
            self.complaints.append(f"console: {params['args']}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif method == "Fetch.requestPaused":
            self._answer_paused(params)

    def answer(self, pattern: str, stub: Callable[[str], str | None]) -> None:
        """Answers requests with the text that stub(url) returns; None lets them through."""
        self._stub = stub
        self.call("Fetch.enable", patterns=[{"urlPattern": pattern}])

    def _answer_paused(self, params: dict) -> None:
        text = self._stub(params["request"]["url"]) if self._stub else None
        if text is None:
            self.browser.post("Fetch.continueRequest", self.session,
                              requestId=params["requestId"])
            return
        self.browser.post("Fetch.fulfillRequest", self.session, requestId=params["requestId"],
                          responseCode=200, body=base64.b64encode(text.encode()).decode())

    def go(self, url: str) -> None:
        failed = self.call("Page.navigate", url=url).get("errorText")
        if failed:
            raise BrowserError(f"{url}: {failed}")
        self.until("document.readyState === 'complete'")

    def size(self, width: int, height: int, scale: float = 1) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=scale, mobile=False)

    def prefer(self, scheme: str) -> None:
        """What the system says of light and dark."""
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, expression: str, timeout_s: float = 15.0) -> Any:
        """The first true value of the expression; raises with the last one otherwise."""
        deadline = time.monotonic() + timeout_s
        while not (value := self.ask(expression)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression}: still {value!r} after {timeout_s} s")
            self.browser.pump(0.05)
        return value

    def key(self, name: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name,
                      windowsVirtualKeyCode={"ArrowLeft": 37, "ArrowRight": 39, "Escape": 27,
                                             "Tab": 9, "Enter": 13}[name])

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def screenshot(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
