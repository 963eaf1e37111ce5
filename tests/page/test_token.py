"""The page in front of a daemon that asks for a token, ends, or comes back."""

from __future__ import annotations

import os
import tempfile

from wire.harness import eventually

from .page_case import BINARY, CHUNK, L1_GB, ROUND_S, PageCase, Server

TOKEN = "open-sesame-42"


class Token(PageCase):
    @classmethod
    def setUpClass(cls) -> None:
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write(TOKEN)
        cls.addClassCleanup(os.unlink, file.name)
        cls.flags = ("--http-token-file", file.name)
        super().setUpClass()

    def enter(self, tab, token: str) -> None:
        tab.until("document.getElementById('ask').open")
        self.assertEqual(tab.ask("document.activeElement.id"), "token")
        tab.type(token)
        tab.key("Enter")
        tab.ask("document.getElementById('ask').open"
                " && document.querySelector('#ask .primary').click()")

    def test_it_is_asked_for_once_and_kept_in_the_tab(self):
        tab = self.open(live=False)
        self.wait_for_state(tab, "Token needed")
        self.assertIn("/status", tab.ask("document.getElementById('ask-why').textContent"))
        self.enter(tab, "wrong")
        tab.until("document.getElementById('ask-why').textContent.includes('refused')")
        self.assertEqual(tab.ask("document.getElementById('token').value"), "")
        self.enter(tab, TOKEN)
        self.wait_for_state(tab, "Live")
        self.assertIsNotNone(self.tile(tab, "sessions")[0])
        tab.go(self.address())  # a reload does not ask again
        self.wait_for_state(tab, "Live")
        self.assertFalse(tab.ask("document.getElementById('ask').open"))
        self.assertTrue(all(TOKEN not in url for url in tab.requested))
        self.assertNotIn(TOKEN, tab.ask("document.documentElement.outerHTML"))
        self.assertEqual(tab.ask("Object.values(localStorage).join()"), "")
        self.assertEqual(tab.complaints, [])
        self.wait_for_state(self.open(live=False), "Token needed")  # another tab does not know it

    def test_who_has_none_can_enter_it_later(self):
        tab = self.open(live=False)
        self.wait_for_state(tab, "Token needed")
        tab.until("document.getElementById('ask').open")
        tab.key("Escape")
        tab.until("!document.getElementById('ask').open")
        tab.until("document.getElementById('enter').getClientRects().length > 0")
        polls = self.polls()
        tab.ask("document.getElementById('enter').click()")
        self.enter(tab, TOKEN)
        self.wait_for_state(tab, "Live")
        self.assertFalse(tab.ask("document.getElementById('enter').getClientRects().length"))
        self.assertGreater(self.polls(), polls)


class Restart(PageCase):
    def test_the_page_outlives_the_daemon(self):
        tab = self.open()
        tab.ask("window.mark = 'same page'")
        first = self.server
        first.kill()
        self.wait_for_state(tab, "Not reachable, retrying", ROUND_S)
        self.assertIn("does not answer", tab.ask("document.getElementById('trouble').innerText"))
        again = Server(BINARY, l1_gb=L1_GB, chunk=CHUNK, flags=["--prometheus-port", "0"])
        swap = {str(again.port): str(first.port), str(again.http_port): str(first.http_port)}
        again.command = [swap.get(word, word) for word in again.command]
        again.port, again.http_port, again.endpoint = first.port, first.http_port, first.endpoint
        first.discard()
        type(self).server = again.start()
        self.addCleanup(again.discard)
        self.wait_for_state(tab, "Live", 2 * ROUND_S)
        tab.until("document.querySelectorAll('[data-panel=memory] .restart').length > 0")
        self.assertEqual(tab.ask("window.mark"), "same page")
        self.assertTrue(tab.ask("document.getElementById('trouble').hidden"))

        def goes_on():
            return self.points(tab, "memory")[0] >= 4
        eventually(goes_on, 3 * ROUND_S)
        self.assertEqual(tab.complaints, [])
