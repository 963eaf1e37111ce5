"""A client killed between any two steps leaves no lease and no slot, and no half-written hit."""

import glob
import os
import subprocess
import sys

from wire.harness import WireCase, eventually, ours_only
from wire.paged import Group

from .child import FRESH, STEPS, STORED

CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child.py")
GONE_WITHIN_S = 3.0
POISON = 0xEE


@ours_only
class KilledClients(WireCase):
    def start(self, mode: str, steps: int, answered: bool, instance: int) -> subprocess.Popen:
        child = subprocess.Popen(
            [sys.executable, CHILD, self.server.endpoint, mode, str(steps), str(int(answered)),
             self.model, str(instance)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.bury, child)
        return child

    def bury(self, child: subprocess.Popen) -> None:
        child.kill()
        child.communicate()
        for path in glob.glob(f"/dev/shm/lmcache_kv_{child.pid}_*"):
            os.unlink(path)

    def kill_after(self, mode: str, steps: int, answered: bool) -> None:
        instance = 1000 + self.number()
        child = self.start(mode, steps, answered, instance)
        if child.stdout.readline().strip() != b"here":
            self.fail(f"the client failed: {child.communicate()[1].decode()[-2000:]}")
        child.kill()
        child.wait()
        self.assertNoLeases(GONE_WITHIN_S)
        done = STEPS[mode][:steps]
        commit = "commit_store" if mode == "engine_driven" else "store"
        found = self.client.hits(self.key(FRESH, worker=None))
        if commit not in done:
            self.assertEqual(found, 0, "a hit on what was never committed")
        elif commit != done[-1] or answered:
            self.assertEqual(found, 2, "an answered store is lost")
        self.assertIn(found, (0, 2))

    def each_step(self, mode: str, prepare) -> None:
        for steps in range(1, len(STEPS[mode]) + 1):
            for answered in (False, True):
                step = STEPS[mode][steps - 1]
                with self.subTest(step=step, answered=answered):
                    self.client.clear(True)
                    self.model = f"model-{self.number()}"
                    prepare()
                    self.kill_after(mode, steps, answered)
                    for request in self.requests:
                        self.client.end_session(request)
                    self.requests.clear()

    def test_engine_driven(self):
        self.each_step("engine_driven",
                       lambda: self.worker().store(self.key(STORED)))

    def test_lmcache_driven(self):
        def prepare():
            worker = self.engine([Group(layers=2, heads=2, head_size=4)])
            self.assertTrue(worker.store(self.key(STORED), worker.engine.blocks_for(2)))
        self.each_step("lmcache_driven", prepare)

    def test_many_deaths_at_once(self):
        worker = self.worker()
        worker.store(self.key(STORED))
        children = [self.start("engine_driven", steps, True, 5000 + steps)
                    for steps in range(1, len(STEPS["engine_driven"]) + 1)]
        for child in children:
            self.assertEqual(child.stdout.readline().strip(), b"here")
        for child in children:
            child.kill()
        for child in children:
            child.wait()
        self.assertNoLeases(GONE_WITHIN_S)
        self.assertIn(self.client.hits(self.key(FRESH, worker=None)), (0, 2))


@ours_only
class Owners(WireCase):
    """Who dies decides what is given back."""

    def setUp(self):
        super().setUp()
        self.tokens4 = self.tokens(4)
        self.worker1 = self.worker()
        self.worker1.store(self.key(self.tokens4))

    def locked(self) -> int:
        return self.server.leases()["read_locked_count"]

    def test_the_death_of_the_scheduler_leaves_the_workers_reads_alone(self):
        scheduler = self.connect()
        lookup = self.key(self.tokens4, worker=None)
        self.assertEqual(scheduler.hits(lookup), 4)
        key = self.key(self.tokens4, request=lookup["request_id"], end=2 * self.chunk)
        answer = self.client.prepare_retrieve(key, self.worker1.instance)
        scheduler.close()

        def only_the_workers():
            return self.locked() == 2
        eventually(only_the_workers)
        self.client.clear(False)
        self.assertEqual(self.worker1.read(answer["context"]["slots"]),
                         [self.worker1.content(0, c) for c in range(2)])
        self.assertIs(self.client.commit_retrieve(key, self.worker1.instance), True)
        self.assertNoLeases()

    def test_the_death_of_a_worker_leaves_the_sessions_locks_alone(self):
        lookup = self.key(self.tokens4, worker=None)
        self.assertEqual(self.client.hits(lookup), 4)
        other = self.connect()
        dying = self.worker(client=other)
        key = self.key(self.tokens4, request=lookup["request_id"], end=2 * self.chunk)
        self.assertTrue(other.prepare_retrieve(key, dying.instance)["success"])
        other.close()

        def only_the_sessions():
            return self.locked() == 2
        eventually(only_the_sessions)
        tail = self.key(self.tokens4, request=lookup["request_id"], start=2 * self.chunk)
        self.assertEqual(self.worker1.retrieve(tail),
                         [self.worker1.content(0, c) for c in (2, 3)])
        self.assertNoLeases()

    def test_a_dead_writers_slots_are_used_again_and_never_read(self):
        other = self.connect()
        dying = self.worker(client=other)
        fresh = self.tokens(2, seed=9)
        slots = other.prepare_store(self.key(fresh), dying.instance)["slots"]
        dying.write(slots, [bytes([POISON]) * s["length"] for s in slots])
        other.close()
        self.assertNoLeases(GONE_WITHIN_S)
        self.assertEqual(self.client.hits(self.key(fresh, worker=None)), 0)
        self.assertEqual(self.worker1.store(self.key(fresh), tag=4), [0, 1])
        lookup = self.key(fresh, worker=None)
        self.assertEqual(self.client.hits(lookup), 2)
        self.assertEqual(self.worker1.retrieve(self.key(fresh, request=lookup["request_id"])),
                         [self.worker1.content(4, c) for c in range(2)])

    def test_a_worker_that_reconnects_keeps_what_it_opened(self):
        first = self.connect()
        worker = self.worker(client=first)
        fresh = self.tokens(2, seed=5)
        key = self.key(fresh)
        slots = first.prepare_store(key, worker.instance)["slots"]
        second = self.connect()
        self.assertIs(second.ping(worker.instance), True)
        first.close()
        worker.write(slots, [worker.content(6, c) for c in range(2)])
        self.assertIs(second.commit_store(key, worker.instance), True)
        self.assertEqual(self.client.hits(self.key(fresh, worker=None)), 2)
