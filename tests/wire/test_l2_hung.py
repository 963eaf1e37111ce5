"""Stores behind L1 that do not answer, while they come and while they go."""

from __future__ import annotations

import json
import os
import signal
import socket
import time

from .harness import TIME_SCALE, eventually, ours_only
from .test_l2_runtime import SECRET, RuntimeCase


@ours_only
class Hanging(RuntimeCase):
    """Stores that do not answer."""

    def silent_server(self) -> int:
        """A port that takes connections and says nothing."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return listener.getsockname()[1]

    def hung_bucket(self) -> dict:
        return {"type": "s3", "s3_endpoint": f"s3://bucket.127.0.0.1:{self.silent_server()}",
                "s3_region": "us-east-1", "disable_tls": True, "aws_access_key_id": "id",
                "aws_secret_access_key": SECRET,
                "cpp": {"path_style": True, "bucket": "bucket", "lookup_timeout_ms": 3600000,
                        "request_timeout_ms": 3600000}}

    def test_an_opening_that_hangs_holds_up_nobody(self):
        body = self.hung_bucket()
        code, headers, answer = self.raw("POST", "/l2/adapters", json.dumps(body).encode())
        self.assertEqual((code, answer["state"], headers["Location"]),
                         (202, "opening", "/l2/adapters/0"), answer)
        self.assertIn("waits_for", answer)
        self.assertEqual(self.states(), {("0", "s3"): "opening"})
        self.assertNotIn(SECRET, json.dumps(self.listed()))
        code, answer = self.ask("POST", "/l2/adapters", body)
        self.assertEqual(code, 409, answer)
        self.assertEqual(self.ask("POST", "/l2/adapters/0/drain")[0], 409)
        self.assertEqual(self.ask("GET", "/config/adapters")[1], {"adapters": []})
        worker, tokens = self.plain_worker(), self.tokens(3)
        self.assertEqual(self.attach_folder()["id"], 1)
        self.stored(worker, tokens)
        self.client.clear(True)
        self.check_served(worker, tokens)
        code, answer = self.ask("DELETE", "/l2/adapters/0")
        self.assertEqual((code, answer["state"]), (202, "draining"))
        self.assertEqual(self.ask("DELETE", "/l2/adapters/0")[0], 202)
        began = time.monotonic()
        self.assertEqual(self.server.stop(), -signal.SIGTERM)  # it does not hold up the end either
        self.assertLess(time.monotonic() - began, 8 * TIME_SCALE)
        self.server.start()

    def attach_hanging(self, limit_ms: int) -> int:
        return self.attach(type="fault_inject", inner={"type": "fs", "base_path": self.folder},
                           cpp={"hang_rate": 1, "store_timeout_ms": limit_ms,
                                "load_timeout_ms": limit_ms, "lookup_timeout_ms": 200})["id"]

    def test_a_store_that_hangs_goes_when_its_tasks_have_ended(self):
        worker, tokens = self.plain_worker(), self.tokens(3)
        number = self.attach_hanging(3000)
        self.assertEqual(worker.store(self.key(tokens), 7), [0, 1, 2])

        def runs():
            return self.listed()[0]["running_tasks"] > 0
        eventually(runs)
        code, answer = self.ask("DELETE", f"/l2/adapters/{number}")
        self.assertEqual((code, answer["state"], answer["waiting_objects"]), (202, "draining", 3))
        self.client.clear(True)
        self.assertGreater(self.server.l1()["memory_used_bytes"], 0)  # pinned
        self.assertEqual(self.client.hits(self.key(self.tokens(1, 4), worker=None)), 0)
        self.assertEqual(self.ask("DELETE", f"/l2/adapters/{number}")[0], 202)
        self.assertEqual(self.ask("GET", f"/l2/adapters/{number}")[1]["state"], "draining")
        self.gone(number, 20 * TIME_SCALE)

        def free():
            return self.server.l1()["memory_used_bytes"] == 0
        eventually(free)

    def test_what_a_hung_store_may_touch_stays_reserved(self):
        worker, tokens = self.plain_worker(), self.tokens(3)
        number = self.attach_hanging(15000)
        other = self.another_folder()
        self.attach(type="fs_native", base_path=other)
        self.assertEqual(worker.store(self.key(tokens), 7), [0, 1, 2])
        self.ask("DELETE", f"/l2/adapters/{number}")
        self.client.clear(True)

        def tasks_only():
            return "running tasks" in self.ask("GET", f"/l2/adapters/{number}")[1]["waits_for"]
        eventually(tasks_only, 14 * TIME_SCALE)
        answer = self.ask("GET", f"/l2/adapters/{number}")[1]
        self.assertEqual((answer["state"], answer["running_tasks"]), ("draining", 1))
        self.assertGreater(answer["oldest_task_ms"], 0)
        self.assertGreater(self.server.l1()["memory_used_bytes"], 0)
        more = self.tokens(2, 8)  # stores and lookups go on
        self.assertEqual(worker.store(self.key(more), 7), [0, 1])

        def copied():
            return len([name for name in os.listdir(other) if name.endswith(".data")]) == 5
        eventually(copied)
        self.gone(number, 20 * TIME_SCALE)

    def test_no_task_seems_to_run_that_has_ended(self):
        # Tasks begin on both sides of a tick of the clock.
        self.attach(type="mock", max_size_gb=1, mock_bandwidth_gb=100)
        worker = self.plain_worker()
        for turn in range(3000):
            worker.store(self.key(self.tokens(1, turn)), 7)
            lookup = self.key(self.tokens(2, turn), worker=None)
            self.client.hits(lookup)
            self.client.end_session(lookup["request_id"])

        def idle():
            return [each["running_tasks"] for each in self.listed()] == [0]
        eventually(idle)
