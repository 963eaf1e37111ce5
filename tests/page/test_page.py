"""The page on a daemon under load: its numbers, its look, and what it keeps to itself."""

from __future__ import annotations

from wire.harness import eventually

from .load import Load
from .page_case import ROUND_S, PageCase, text_of_bytes, text_of_count

WIDTHS = (360, 400, 768, 1600)
BUSY = ("l1", "chunks", "evictions", "hits", "tokens", "sessions", "moved", "speed", "copies",
        "requests", "cpu", "memory")
# The contrast of every text with what lies behind it (WCAG 2: 4.5 is enough for small text), and of
# every curve (3 is enough).
CONTRAST = """(() => {
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1)
        return color;
    }
    return [255, 255, 255];
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.getClientRects().length
        || ["STYLE", "SCRIPT", "NOSCRIPT"].includes(node.tagName))
      continue;
    const style = getComputedStyle(node);
    const found = ratio(parse(node instanceof SVGElement ? style.fill : style.color), ground(node));
    if (found < 4.5)
      poor.push(`${walk.currentNode.data.trim()}: ${found.toFixed(2)}`);
  }
  for (const curve of document.querySelectorAll(".curve")) {
    const found = ratio(parse(getComputedStyle(curve).stroke), ground(curve));
    if (found < 3)
      poor.push(`${curve.getAttribute("class")}: ${found.toFixed(2)}`);
  }
  return poor;
})()"""
TOO_WIDE = """[...document.querySelectorAll("body *")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width > 0 && !one.closest(".unseen, .skip, .about")
    && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map((one) => one.outerHTML.slice(0, 80))"""


class UnderLoad(PageCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.load = Load(cls.server)
        cls.load.__enter__()
        cls.addClassCleanup(cls.load.stop)

    def test_every_plot_gets_points_and_every_rate_is_above_zero(self):
        tab = self.open()

        def plotted():
            return all(self.points(tab, panel)[0] >= 4 for panel in BUSY)
        eventually(plotted, 4 * ROUND_S)
        for panel, series in (("l1", 1), ("evictions", 1), ("hits", 1), ("tokens", 2),
                              ("sessions", 1), ("moved", 2), ("speed", 2), ("copies", 2),
                              ("requests", 1), ("memory", 1)):
            for value in self.values(tab, panel)[:series]:
                self.assertGreater(value or 0, 0, panel)
        self.assertLessEqual(self.values(tab, "hits")[0], 100)
        self.assertLessEqual(self.values(tab, "l1")[0], self.server.l1()["memory_total_bytes"])
        self.assertEqual(tab.complaints + tab.network_complaints, [])

    def test_it_fits_every_width_in_light_and_dark(self):
        tab = self.open()
        grounds = {}
        for scheme in ("light", "dark"):
            tab.prefer(scheme)
            tab.until(f"document.documentElement.dataset.theme === '{scheme}'")
            for width in WIDTHS:
                tab.size(width, 900)
                tab.until(f"innerWidth === {width}")
                sizes = tab.ask("[document.documentElement.scrollWidth, innerWidth]")
                self.assertLessEqual(sizes[0], sizes[1], (scheme, width))
                tab.until(f"({TOO_WIDE}).length === 0")  # once the plots are drawn anew
            self.assertEqual(tab.ask(CONTRAST), [], scheme)
            grounds[scheme] = tab.ask("getComputedStyle(document.body).backgroundColor")
        self.assertNotEqual(grounds["light"], grounds["dark"])

    def test_the_theme_can_be_chosen_and_stays_chosen(self):
        tab = self.open()
        tab.prefer("light")
        tab.ask("document.getElementById('theme').click()")  # auto, then light, then dark
        tab.ask("document.getElementById('theme').click()")
        self.assertEqual(tab.ask("document.documentElement.dataset.theme"), "dark")
        tab.go(self.address())
        self.assertEqual(tab.ask("document.documentElement.dataset.theme"), "dark")
        self.assertEqual(tab.ask("document.getElementById('theme').textContent"), "Theme: dark")

    def test_nobody_else_is_asked_and_nothing_else_runs(self):
        tab = self.open()
        origin = f"http://127.0.0.1:{self.server.http_port}/"
        for url in tab.requested:
            self.assertTrue(url.startswith((origin, "data:image/svg+xml")), url)
        self.assertEqual(tab.complaints, [])
        tab.ask("""(() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
          return fetch("http://127.0.0.1:1/").catch(() => 0).then(() => 0);
        })()""")
        self.assertIsNone(tab.ask("window.ran"))
        self.assertTrue(any("script-src" in text for text in tab.complaints), tab.complaints)
        self.assertTrue(any("connect-src" in text for text in tab.complaints), tab.complaints)

    def test_keys_read_all_plots_at_one_moment(self):
        tab = self.open()
        when = "document.querySelector('[data-panel=%s] .when').textContent"
        tab.until("document.querySelectorAll('[data-panel=l1] .plot .curve').length > 1")
        tab.ask("document.querySelector('[data-panel=l1] .plot').focus()")
        tab.key("ArrowLeft")
        moment = tab.until(when % "l1")
        self.assertEqual(tab.until(when % "tokens"), moment)
        tab.key("Escape")
        tab.until(f"{when % 'l1'} === ''")

    def test_every_plot_and_control_has_a_name(self):
        tab = self.open()
        names = tab.ask("[...document.querySelectorAll('.row:not([hidden]) .plot')]"
                        ".map((one) => one.getAttribute('aria-label'))")
        self.assertGreaterEqual(len(names), len(BUSY))
        for name in names:
            self.assertRegex(name, r"^[A-Z].*, last \d+ min: \S")
        nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
        for node in nodes:
            if node.get("role", {}).get("value") in ("button", "radio", "image", "textbox"):
                self.assertTrue(node.get("name", {}).get("value"), node)

    def test_a_page_that_nobody_sees_asks_nothing(self):
        tab = self.open()
        hide = ("Object.defineProperty(document, 'hidden', {configurable: true, value: %s});"
                "document.dispatchEvent(new Event('visibilitychange'))")
        for stop, resume in ((hide % "true", hide % "false"),
                             ("document.getElementById('pause').click()",) * 2):
            tab.ask(stop)
            self.server.http("GET", "/livez")
            before = self.polls()
            browser_time = "new Promise((done) => setTimeout(done, 3000)).then(() => true)"
            self.assertTrue(tab.ask(browser_time))  # longer than from one poll to the next
            self.assertLessEqual(self.polls() - before, 1)  # one may have been on its way
            tab.ask(resume)
            self.wait_for_state(tab, "Live")
            eventually(lambda: self.polls() > before + 1, ROUND_S)


class AtRest(PageCase):
    def test_the_numbers_are_those_of_metrics(self):
        with Load(self.server) as load:
            eventually(lambda: self.metrics().get("lmcache_mp_l1_evicted_chunks_total", 0) > 20,
                       ROUND_S)
            load.stop()
        metrics, status = self.metrics(), self.server.status()
        tab = self.open()
        used, text = self.tile(tab, "used")
        self.assertEqual(used, metrics["lmcache_mp_l1_memory_usage_bytes"])
        self.assertIn(text_of_bytes(used), text)
        self.assertIn(text_of_bytes(status["storage_manager"]["l1_manager"]["memory_total_bytes"]),
                      text)
        self.assertEqual(self.values(tab, "l1"), [metrics["lmcache_mp_l1_memory_usage_bytes"],
                                                  metrics["lmcache_mp_l1_staging_bytes"]])
        self.assertEqual(self.values(tab, "chunks")[0],
                         status["storage_manager"]["l1_manager"]["total_object_count"])
        self.assertEqual(self.values(tab, "sessions"),
                         [status["active_sessions"], status["active_prefetch_jobs"]])
        for panel, names in (
                ("evictions", ["l1_evicted_chunks"]),
                ("tokens", ["lookup_requested_tokens", "lookup_hit_tokens"]),
                ("sessions", ["lookups_requests"]),
                ("moved", ["l1_write_chunks", "l1_read_chunks"]),
                ("copies", ["num_finished_stores", "num_finished_retrieves"])):
            shown = tab.ask(f"document.querySelector('[data-panel={panel}] .sum').textContent")
            for name in names:
                value = metrics[f"lmcache_mp_{name}_total"]
                self.assertGreater(value, 0)
                self.assertIn(f" {text_of_count(value)} ", shown, name)
        rate = 100 * (metrics["lmcache_mp_lookup_hit_tokens_total"]
                      / metrics["lmcache_mp_lookup_requested_tokens_total"])
        shown = tab.ask("document.querySelector('[data-panel=hits] .sum').textContent")
        self.assertAlmostEqual(float(shown.split()[2]), rate, delta=0.1)

    def test_names_of_the_first_release_do_as_well(self):
        with Load(self.server) as load:
            eventually(lambda: self.metrics().get("lmcache_mp_l1_read_chunks_total", 0) > 0,
                       ROUND_S)
            load.stop()
        metrics = self.metrics()
        tab = self.open()
        lines = self.server.http("GET", "/metrics")[1].decode().splitlines()
        old = "\n".join(line for line in lines
                        if "_chunks_total" not in line and "GB_per_second" not in line)
        self.assertIn("lmcache_mp_l1_read_keys_total", old)
        self.assertIn("lmcache_mp_l0_l1_store_throughput_gbs_sum", old)
        tab.answer("*/metrics*", lambda url: old)
        tab.ask("document.getElementById('state').textContent = ''")
        self.wait_for_state(tab, "Live")
        shown = tab.ask("document.querySelector('[data-panel=moved] .sum').textContent")
        for name in ("write", "read"):
            self.assertIn(f" {text_of_count(metrics[f'lmcache_mp_l1_{name}_chunks_total'])} ",
                          shown)

    def test_what_is_not_configured_is_said(self):
        tab = self.open()
        shown = tab.ask("document.getElementById('panels').innerText")
        self.assertIn("No L2 configured", shown)
        self.assertEqual("No event bus" in shown,
                         "lmcache_mp_event_bus_queue_depth" not in self.metrics())

    def test_an_l2_and_a_bus_are_plotted_once_there_is_one(self):
        tab = self.open()
        more = ("lmcache_mp_l2_usage_bytes{l2_name=\"a\"} 1048576\n"
                "lmcache_mp_l2_usage_bytes{l2_name=\"b\\\\\\\"}\"} 3145728\n"
                "lmcache_mp_event_bus_queue_depth 12\n"
                "lmcache_mp_event_bus_subscriber_exceptions_total{subscriber_name=\"x\"} 3\n")
        whole = self.server.http("GET", "/metrics")[1].decode()
        kept = "\n".join(line for line in whole.splitlines() if "event_bus_queue" not in line)
        tab.answer("*/metrics*", lambda url: kept + "\n" + more)
        tab.until("document.querySelector('[data-panel=l2]').getClientRects().length > 0", ROUND_S)
        self.assertEqual(self.values(tab, "l2"), [4194304])
        self.assertEqual(self.values(tab, "bus"), [12])
        self.assertIn(" 3 exceptions",
                      tab.ask("document.querySelector('[data-panel=bus-loss]').textContent"))
        self.assertNotIn("No L2 configured", tab.ask("document.body.innerText"))


class WithoutMetrics(PageCase):
    flags = ("--disable-observability",)

    def test_a_daemon_that_counts_nothing_says_so(self):
        tab = self.open(live=False)
        self.wait_for_state(tab, "Incomplete")
        self.assertIn("--disable-observability",
                      tab.ask("document.getElementById('trouble').innerText"))
        self.assertIn("No event bus", tab.ask("document.getElementById('panels').innerText"))
        self.assertIsNone(self.tile(tab, "tokens")[0])
        self.assertEqual(tab.complaints, [])
