"""The dashboard of 0.5.6 shows data of the Python server too: also of the parts not built here."""

from __future__ import annotations

import http.server
import threading
import unittest

from wire.harness import eventually

from .conf_files import ROOT, dashboards, panels
from .prometheus import Prometheus
from .promql import substituted

PAGE = (ROOT / "tests" / "data" / "metrics_exposition.txt").read_bytes()
SCRAPES = 3
# Where the Python server has no such name: one that an older release of it used.
ONLY_OLDER = "lmcache_mp_real_reuse_gap_objects_chunks"


class Page(http.server.BaseHTTPRequestHandler):
    """What the Python server served, recorded."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


class PythonServer(unittest.TestCase):
    def setUp(self) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.prometheus = self.enterContext(Prometheus(f"127.0.0.1:{server.server_port}"))

    def test_every_panel_shows_data_of_the_recorded_page(self):
        def scraped():
            return self.prometheus.query(
                f"count_over_time(lmcache_mp_l1_usage_ratio[1m]) >= {SCRAPES}")
        eventually(scraped, 30)
        for panel in panels(dashboards()["lmcache.json"]):
            for target in panel["targets"]:
                expression = target.get("expr")
                if expression and ONLY_OLDER not in expression:
                    with self.subTest(panel["title"], expression=expression):
                        self.assertTrue(self.prometheus.query(substituted(expression)), "no data")
