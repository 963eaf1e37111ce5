"""A small pool: what happens when nothing is free, and what is given up for whom."""

import time

from .harness import WireCase, ours_only

HIDDEN = 8192  # 2 planes x 2 layers x 16 slots x 8192 x 2 bytes = 1 MiB a chunk


class SmallPool(WireCase):
    options = {"chunk": 16, "l1_gb": 0.0625}
    CAPACITY = 64

    def fill(self, worker, leave_open: bool) -> list[dict]:
        """Stores until nothing is reserved any more; returns the keys."""
        keys = []
        for n in range(3 * self.CAPACITY):
            key = self.key(self.tokens(1, seed=n + 1))
            context = self.client.prepare_store(key, worker.instance)
            if not context["slots"]:
                return keys
            if not leave_open:
                self.client.commit_store(key, worker.instance)
            keys.append(key)
        self.fail("the pool never fills up")

    def hold(self, count: int, worker) -> list[dict]:
        """Commits and read-locks objects one by one until the pool holds nothing else."""
        lookups = []
        for n in range(count):
            tokens = self.tokens(1, seed=n + 1)
            context = self.client.prepare_store(self.key(tokens), worker.instance)
            if not context["slots"]:
                break
            key = self.key(tokens)
            lookup = self.key(tokens, worker=None)
            worker.write(context["slots"], [worker.content(n, 0)])
            self.client.commit_store({**key, "request_id": key["request_id"]}, worker.instance)
            self.assertEqual(self.client.hits(lookup), 1)
            lookups.append(lookup)
        return lookups

    def test_a_pool_full_of_open_slots_refuses_at_once_and_keeps_serving(self):
        worker = self.worker(hidden=HIDDEN)
        keys = self.fill(worker, leave_open=True)
        self.assertGreater(len(keys), self.CAPACITY // 2)
        other = self.connect()
        for n in range(20):
            refused = other.prepare_store(self.key(self.tokens(1, seed=900 + n)), worker.instance)
            self.assertEqual(refused, {"slots": [], "chunk_indices": []})
            self.assertEqual(other.hits(self.key(self.tokens(2, seed=5), worker=None)), 0)
            self.assertTrue(other.ping(worker.instance))
        for key in keys:
            self.assertIs(self.client.commit_store(key, worker.instance), True)

    @ours_only
    def test_a_pool_full_of_read_objects_refuses_and_recovers(self):
        worker = self.worker(hidden=HIDDEN)
        lookups = self.hold(3 * self.CAPACITY, worker)
        self.assertGreater(len(lookups), self.CAPACITY // 2)
        self.assertLess(len(lookups), 2 * self.CAPACITY)
        new = self.tokens(1, seed=999)
        self.assertEqual(self.client.prepare_store(self.key(new), worker.instance)["slots"], [])
        held = lookups[0]
        self.assertEqual(self.client.hits({**held, "request_id": self.request()}), 1)
        for lookup in lookups:
            self.client.end_session(lookup["request_id"])
        self.assertEqual(worker.store(self.key(new)), [0])

    @ours_only
    def test_a_store_makes_room_for_itself(self):
        worker = self.worker(hidden=HIDDEN)
        for n in range(3 * self.CAPACITY):
            tokens = self.tokens(1, seed=n + 1)
            self.assertEqual(worker.store(self.key(tokens), tag=n), [0], f"store {n}")
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 1)
        self.assertEqual(worker.retrieve(self.key(tokens, request=lookup["request_id"])),
                         [worker.content(n, 0)])
        l1 = self.server.l1()
        self.assertLessEqual(l1["memory_used_bytes"], l1["memory_total_bytes"])

    @ours_only
    def test_what_is_being_read_is_never_given_up(self):
        worker, tokens = self.worker(hidden=HIDDEN), self.tokens(4, seed=77)
        worker.store(self.key(tokens), tag=77)
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 4)
        for n in range(2 * self.CAPACITY):
            worker.store(self.key(self.tokens(1, seed=n + 100)), tag=n)
        key = self.key(tokens, request=lookup["request_id"])
        self.assertEqual(worker.retrieve(key), [worker.content(77, c) for c in range(4)])

    @ours_only
    def test_the_head_of_a_prefix_outlives_its_tail(self):
        worker, tokens = self.worker(hidden=HIDDEN), self.tokens(20, seed=3)
        worker.store(self.key(tokens))
        for n in range(self.CAPACITY - 12):
            worker.store(self.key(self.tokens(1, seed=n + 100)))
        found = self.client.hits(self.key(tokens, worker=None))
        objects = self.server.l1()["total_object_count"]
        self.assertGreater(objects, self.CAPACITY // 2)
        if 0 < found < 20:
            tail = self.key(tokens, start=found * self.chunk)
            self.assertEqual(len(worker.store(tail)), 20 - found)

    @ours_only
    def test_a_range_larger_than_the_pool_is_stored_in_part_or_not_at_all(self):
        worker, tokens = self.worker(hidden=HIDDEN), self.tokens(2 * self.CAPACITY)
        key = self.key(tokens)
        context = self.client.prepare_store(key, worker.instance)
        self.assertEqual(len(context["slots"]), len(context["chunk_indices"]))
        if context["slots"]:
            worker.write(context["slots"], [worker.content(0, c)
                                            for c in context["chunk_indices"]])
            self.assertIs(self.client.commit_store(key, worker.instance), True)
        self.assertTrue(self.client.ping())

    @ours_only
    def test_open_slots_do_not_overlap(self):
        worker = self.worker(hidden=HIDDEN // 8)
        ranges = []
        for n in range(40):
            context = self.client.prepare_store(self.key(self.tokens(2, seed=n + 1)),
                                                worker.instance)
            ranges += [(s["offset"], s["offset"] + s["length"]) for s in context["slots"]]
        ranges.sort()
        self.assertEqual(len(ranges), 80)
        for (_, end), (start, _) in zip(ranges, ranges[1:]):
            self.assertLessEqual(end, start)
        self.assertTrue(all(start % 4096 == 0 for start, _ in ranges))

    def test_an_answered_store_is_counted(self):
        worker = self.worker(hidden=HIDDEN)
        worker.store(self.key(self.tokens(3)))
        deadline = time.monotonic() + 5
        while self.server.l1()["memory_used_bytes"] < 3 << 20:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(self.server.l1()["total_object_count"], 3)
