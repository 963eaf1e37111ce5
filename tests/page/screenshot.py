"""Takes the pictures of the page that stand in docs/images/: minutes of a load, then two themes.

usage: screenshot.py [--daemon PATH] [--chromium PATH] [--seconds N] FOLDER
"""

from __future__ import annotations

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from page.browser import Browser  # noqa: E402
from page.load import Load  # noqa: E402
from wire.server import Server  # noqa: E402

VIEWS = (("dashboard-light", "light", 1600, 1130), ("dashboard-dark", "dark", 1600, 1130),
         ("dashboard-narrow", "dark", 400, 860))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", default="build/release/lmcache-actord")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--seconds", type=float, default=320, help="how long the load runs")
    parser.add_argument("folder", help="where the pictures go")
    args = parser.parse_args()
    server = Server(args.daemon, l1_gb=0.5, chunk=64,
                    flags=["--prometheus-port", "0", "--instance-id", "cache-07"]).start()
    browser = Browser(args.chromium)
    try:
        with Load(server, pause_s=0.05, wave_s=110):
            tab = browser.open_tab()
            tab.go(f"http://127.0.0.1:{server.http_port}/dashboard")
            end = time.monotonic() + args.seconds
            while time.monotonic() < end:
                browser.pump(0.5)
            for name, scheme, width, height in VIEWS:
                tab.prefer(scheme)
                tab.size(width, height)
                tab.until(f"innerWidth === {width}"
                          " && document.querySelector('.plot').clientWidth < innerWidth")
                tab.ask("new Promise((done) => setTimeout(done, 2500))")  # drawn anew, once polled
                with open(os.path.join(args.folder, name + ".png"), "wb") as file:
                    file.write(tab.screenshot())
    finally:
        browser.close()
        server.stop()


if __name__ == "__main__":
    main()
