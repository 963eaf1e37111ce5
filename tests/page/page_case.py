"""What the tests of the page share: one browser, the page on a daemon, and its numbers."""

from __future__ import annotations

import os
import re
import unittest

from wire.server import Server

from .browser import Browser, Tab

BINARY = os.environ.get("ACTORD_BINARY", "build/release/lmcache-actord")
CHROMIUM = os.environ.get("ACTORD_CHROMIUM", "chromium")
CHUNK = 64
L1_GB = 0.05  # small, so that the load makes it evict
FIRST_S = 15.0  # until the page has shown something
ROUND_S = 10.0  # until it has asked again, and drawn

_browser: Browser | None = None


def browser() -> Browser:
    """The one of this run, started when it is first needed."""
    global _browser
    if _browser is None:
        _browser = Browser(CHROMIUM)
    return _browser


def close_browser() -> None:
    global _browser
    if _browser is not None:
        _browser.close()
        _browser = None


def start_server(*flags: str) -> Server:
    return Server(BINARY, l1_gb=L1_GB, chunk=CHUNK,
                  flags=["--prometheus-port", "0", *flags]).start()


def text_of_bytes(value: float) -> str:
    """A number of bytes as the page writes it."""
    step = 0
    while value >= 1024 * 0.9995 and step < 5:
        value, step = value / 1024, step + 1
    return f"{_digits(value)}\u00a0{['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'][step]}"


def text_of_count(value: float) -> str:
    step = 0
    while value >= 1000 * 0.9995 and step < 4:
        value, step = value / 1000, step + 1
    return _digits(value) + (f"\u00a0{' kMGT'[step]}" if step else "")


def _digits(value: float) -> str:
    text = f"{value:.{0 if value == 0 or value >= 100 else 1 if value >= 10 else 2}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class PageCase(unittest.TestCase):
    flags: tuple[str, ...] = ()

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = start_server(*cls.flags)
        cls.addClassCleanup(cls.server.discard)

    def open(self, *, width: int = 1600, height: int = 1000, live: bool = True) -> Tab:
        tab = browser().open_tab(width, height)
        self.addCleanup(tab.close)
        tab.go(self.address())
        if live:
            self.wait_for_state(tab, "Live")
        return tab

    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.http_port}/dashboard"

    def wait_for_state(self, tab: Tab, words: str, timeout_s: float = FIRST_S) -> None:
        tab.until(f"document.getElementById('state').textContent === '{words}'", timeout_s)

    def metrics(self) -> dict[str, float]:
        """Sum over the series of each name."""
        sums: dict[str, float] = {}
        for line in self.server.http("GET", "/metrics")[1].decode().splitlines():
            if match := re.match(r"([a-z_A-Z0-9:]+)(?:\{.*\})? (\S+)$", line):
                sums[match[1]] = sums.get(match[1], 0) + float(match[2])
        return sums

    def values(self, tab: Tab, panel: str) -> list[float | None]:
        """The newest value of each series of a panel."""
        raw = tab.ask(f"[...document.querySelectorAll('[data-panel={panel}] .key b')]"
                      ".map((one) => one.dataset.raw)")
        return [float(text) if text else None for text in raw]

    def tile(self, tab: Tab, name: str) -> tuple[float | None, str]:
        """A tile's number, and all its text."""
        raw, text = tab.ask(f"[document.querySelector('[data-tile={name}] .big').dataset.raw, "
                            f"document.querySelector('[data-tile={name}]').textContent]")
        return (float(raw) if raw else None), text

    def points(self, tab: Tab, panel: str) -> list[int]:
        """How many points each curve of a panel has."""
        return tab.ask(f"[...document.querySelectorAll('[data-panel={panel}] .plot .curve')]"
                       ".map((one) => (one.getAttribute('d').match(/[ML]/g) || []).length)")

    def polls(self) -> int:
        """How often the daemon was asked for its metrics."""
        return self.server.log().count('"GET /metrics?')
