"""A short version of the soak: many clients at once, stores after the end of their session."""

import os
import sys

from .harness import WireCase, ours_only

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                     "bench")
CLIENTS, SECONDS, SESSIONS = 64, 5.0, 1000


@ours_only
class Soak(WireCase):
    options = {"chunk": 16, "l1_gb": 0.0625}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sys.path.insert(0, BENCH)
        import soak
        cls.soak = soak

    def test_many_clients_at_once(self):
        self.soak.many_clients(self.server, CLIENTS, SECONDS)

    def test_stores_after_the_end_of_their_session(self):
        self.soak.late_stores(self.server, SESSIONS)
