"""Starting and stopping: ports, the pool's file, signals."""

import os
import signal
import subprocess
import unittest

from .client import Client
from .harness import BINARY, KIND, TERMINATED, eventually
from .protocol import cache_key, engine_driven_context
from .server import Server

EXIT_WITHIN_S = 20.0


@unittest.skipIf(KIND == "peer", "about the daemon's own habits")
class StartAndStop(unittest.TestCase):
    def server(self, **options) -> Server:
        server = Server(BINARY, KIND, **{"l1_gb": 0.0625, **options})
        self.addCleanup(server.discard)
        return server

    def test_a_signal_ends_it_cleanly_under_open_work(self):
        for number, ends in ((signal.SIGTERM, (TERMINATED,)), (signal.SIGINT, (130, -2))):
            with self.subTest(number.name):
                server = self.server().start()
                (pool,) = server.pools
                with Client(server.endpoint) as client:
                    client.register_engine_driven(engine_driven_context(1, "m"))
                    key = cache_key(range(512), model="m", request="r")
                    self.assertEqual(len(client.prepare_store(key, 1)["slots"]), 2)
                    stream = client.subscribe(1, "m")
                    self.assertIsNotNone(stream.item())
                    server.process.send_signal(number)
                    self.assertIsNone(stream.item(), "the stream has no end")
                    self.assertIn(server.process.wait(EXIT_WITHIN_S), ends)
                self.assertFalse(os.path.exists(pool))

    def test_the_pool_is_private_and_as_large_as_asked_for(self):
        server = self.server().start()
        (pool,) = server.pools
        stat = os.stat(pool)
        self.assertEqual(stat.st_mode & 0o777, 0o600)
        self.assertEqual(stat.st_size, 64 << 20)
        with Client(server.endpoint) as client:
            answer = client.register_engine_driven(engine_driven_context(1, "m"))
        self.assertEqual("/dev/shm/" + answer["shm_name"], pool)
        self.assertEqual(answer["pool_size"], stat.st_size)

    def test_a_given_name_is_used(self):
        server = self.server(flags=["--shm-name", f"wiretest{os.getpid()}"]).start()
        self.assertEqual(server.pools, [f"/dev/shm/lmcache_l1_pool_wiretest{os.getpid()}"])
        self.assertEqual(server.stop(), TERMINATED)

    def test_a_second_one_leaves_the_first_alone(self):
        first = self.server().start()
        second = subprocess.run(first.command, capture_output=True, text=True,
                                timeout=EXIT_WITHIN_S, check=False)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn(str(first.port), second.stdout + second.stderr)
        self.assertTrue(os.path.exists(first.pools[0]))
        with Client(first.endpoint) as client:
            self.assertIs(client.ping(), True)

    def test_what_a_killed_one_left_is_taken_over(self):
        first = self.server().start()
        first.kill()
        self.assertTrue(os.path.exists(first.pools[0]))
        again = self.server()
        again.command = first.command
        again.port, again.http_port = first.port, first.http_port
        again.endpoint = first.endpoint
        again.start()
        self.assertEqual(again.pools, first.pools)
        with Client(again.endpoint) as client:
            self.assertIs(client.ping(), True)
        self.assertEqual(again.stop(), TERMINATED)
        self.assertFalse(os.path.exists(first.pools[0]))

    def test_clients_survive_a_restart(self):
        first = self.server().start()
        with Client(first.endpoint) as client:
            self.assertIs(client.ping(), True)
            self.assertEqual(first.stop(), TERMINATED)
            uid = client.submit("ping", 5)
            again = self.server()
            again.command = first.command
            again.port, again.http_port = first.port, first.http_port
            again.start()
            self.assertIs(client.wait(uid, 10), True)
            self.assertEqual(again.stop(), TERMINATED)

    def test_flags_that_cannot_be_end_the_start_with_a_text(self):
        for flags in (["--chunk-size", "0"], ["--port", "99999"], ["--no-such-flag"],
                      ["--l1-size-gb", "-1"], ["--eviction-policy", "FIFO"],
                      ["--hash-algorithm", "builtin"]):
            with self.subTest(flags=flags):
                run = subprocess.run([*self.server().command, *flags], capture_output=True,
                                     text=True, timeout=EXIT_WITHIN_S, check=False)
                self.assertNotEqual(run.returncode, 0)
                self.assertIn(flags[0].lstrip("-"), run.stdout + run.stderr)

    def test_idle_it_uses_few_threads(self):
        server = self.server().start()

        def few_threads():
            return server.threads() <= 16
        eventually(few_threads)
