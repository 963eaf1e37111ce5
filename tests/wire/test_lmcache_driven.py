"""Life of a request whose KV lies in the engine's own paged memory."""

from .harness import WireCase, ours_only
from .paged import Group


class LifeOfARequest(WireCase):
    def engine_with_stored(self, chunks: int = 3, **options):
        worker = self.engine([Group(layers=2)], **options)
        tokens = self.tokens(chunks)
        blocks = worker.engine.blocks_for(chunks)
        return worker, tokens, blocks

    def looked_up(self, tokens, **fields):
        lookup = self.key(tokens, worker=None, **fields)
        self.assertEqual(self.client.hits(lookup), len(tokens) // self.chunk)
        return lookup["request_id"]

    def test_it_is_stored_found_and_brought_back(self):
        worker, tokens, blocks = self.engine_with_stored()
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertIs(worker.store(self.key(tokens), blocks), True)
        stored = worker.engine.image()
        worker.engine.fill(99)
        targets = worker.engine.blocks_for(3, first_block=15)
        expected = worker.engine.image_after(stored, blocks, targets)
        request = self.looked_up(tokens)
        self.assertIs(worker.retrieve(self.key(tokens, request=request), targets), True)
        self.assertEqual(worker.engine.image(), expected)
        self.client.end_session(request)
        self.assertNoLeases()

    def test_an_unknown_instance_is_told_so(self):
        key = self.key(self.tokens(1))
        for name, tail in (("store", []), ("retrieve", [0])):
            self.assertEqual(self.client.call(name, key, 31337, [[1, 2, 3, 4]], b"x", *tail),
                             [b"", False])

    def test_the_event_handle_may_be_anything_on_a_cpu(self):
        worker, tokens, blocks = self.engine_with_stored(1)
        for handle in (b"", b"stub_ipc_handle", b"\xff" * 64):
            self.assertTrue(self.client.store(self.key(tokens), worker.instance, blocks, handle))

    def test_repeating_a_store_is_harmless(self):
        worker, tokens, blocks = self.engine_with_stored(2)
        for _ in range(3):
            self.assertTrue(worker.store(self.key(tokens), blocks))
        self.assertEqual(self.server.l1()["total_object_count"], 2)

    def test_repeating_a_retrieve_without_a_lookup_fails(self):
        worker, tokens, blocks = self.engine_with_stored(2)
        worker.store(self.key(tokens), blocks)
        key = self.key(tokens, request=self.looked_up(tokens))
        self.assertIs(worker.retrieve(key, blocks), True)
        self.assertIs(worker.retrieve(key, blocks), False)

    def test_a_failed_retrieve_changes_nothing(self):
        worker, tokens, blocks = self.engine_with_stored(2)
        before = worker.engine.image()
        self.assertIs(worker.retrieve(self.key(tokens), blocks), False)
        self.assertEqual(worker.engine.image(), before)

    def test_ranks_have_their_own_bytes(self):
        tokens, ranks = self.tokens(2), []
        for r in range(2):
            worker = self.engine([Group(layers=2)], world=2, seed=100 + r)
            blocks = worker.engine.blocks_for(2, first_block=1 + 5 * r)
            self.assertTrue(worker.store(self.key(tokens, world=2, worker=r), blocks))
            ranks.append((worker, blocks, worker.engine.image()))
        request = self.looked_up(tokens, world=2)
        for r, (worker, blocks, stored) in enumerate(ranks):
            worker.engine.fill(7)
            targets = worker.engine.blocks_for(2, first_block=12)
            expected = worker.engine.image_after(stored, blocks, targets)
            key = self.key(tokens, world=2, worker=r, request=request)
            self.assertTrue(worker.retrieve(key, targets))
            self.assertEqual(worker.engine.image(), expected)
        self.assertNoLeases()

    def test_two_readers_share_one_mla_object(self):
        group = Group(layers=2, form="mla", head_size=5)
        workers = [self.engine([group], seed=40 + n) for n in range(2)]
        tokens, blocks = self.tokens(2), workers[0].engine.blocks_for(2)
        workers[0].store(self.key(tokens, readers=2), blocks)
        stored = workers[0].engine.image()
        request = self.looked_up(tokens, readers=2)
        for worker in workers:
            expected = worker.engine.image_after(stored, blocks, blocks)
            self.assertTrue(worker.retrieve(self.key(tokens, request=request, readers=2), blocks))
            self.assertEqual(worker.engine.image(), expected)
        self.assertFalse(workers[0].retrieve(self.key(tokens, request=request, readers=2), blocks))
        self.assertNoLeases()

    def test_a_later_range_is_brought_back_alone(self):
        worker, tokens, blocks = self.engine_with_stored(3)
        worker.store(self.key(tokens), blocks)
        stored = worker.engine.image()
        worker.engine.fill(5)
        request = self.looked_up(tokens)
        per = self.chunk // 4
        part = [blocks[0][per:2 * per]]
        expected = worker.engine.image_after(stored, part, part)
        key = self.key(tokens, request=request, start=self.chunk, end=2 * self.chunk)
        self.assertTrue(worker.retrieve(key, part))
        self.assertEqual(worker.engine.image(), expected)

    def test_both_modes_share_one_object(self):
        worker = self.engine([Group(layers=2, heads=2, head_size=4)])
        tokens, blocks = self.tokens(2), worker.engine.blocks_for(2)
        worker.store(self.key(tokens), blocks)
        pool = self.worker(layers=2, hidden=8)
        self.assertEqual(pool.retrieve(self.key(tokens, request=self.looked_up(tokens))),
                         worker.engine.chunk_objects(blocks))

    def test_registering_again_keeps_the_tensors(self):
        worker, tokens, blocks = self.engine_with_stored(1)
        engine = worker.engine
        self.assertIsNone(self.client.register_kv_cache(
            worker.instance, engine.handles, self.model, 1, engine.hints, engine.infos))
        self.assertTrue(worker.store(self.key(tokens), blocks))

    def test_unregistering_is_idempotent(self):
        worker, tokens, blocks = self.engine_with_stored(1)
        for instance in (worker.instance, worker.instance, 515151):
            self.assertIsNone(self.client.unregister_kv_cache(instance))
        self.assertIs(worker.store(self.key(tokens), blocks), False)

    @ours_only
    def test_a_retrieve_of_an_unknown_instance_releases_its_share(self):
        worker, tokens, blocks = self.engine_with_stored(2)
        worker.store(self.key(tokens), blocks)
        key = self.key(tokens, request=self.looked_up(tokens))
        self.assertFalse(self.client.retrieve(key, 31337, blocks))
        self.assertNoLeases()


class BlockLists(WireCase):
    def setUp(self):
        super().setUp()
        self.worker1 = self.engine([Group(layers=2)])
        self.stored_tokens = self.tokens(2)

    def unchanged_after(self, call) -> bool:
        before = self.worker1.engine.image()
        self.assertIs(call(), False)
        return self.worker1.engine.image() == before

    def test_too_few_blocks_store_nothing(self):
        self.assertIs(self.worker1.store(self.key(self.stored_tokens), [[1, 2, 3]]), False)
        self.assertEqual(self.client.hits(self.key(self.stored_tokens, worker=None)), 0)

    def test_chunks_of_null_blocks_are_skipped(self):
        tokens = self.tokens(3)
        blocks = [[0] * 4 + [1, 2, 3, 4] + [5, 6, 7, 8]]
        self.assertIs(self.worker1.store(self.key(tokens), blocks), True)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertEqual(self.server.l1()["total_object_count"], 2)
        self.assertIs(self.worker1.store(self.key(tokens), [list(range(9, 21))]), True)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 3)

    @ours_only
    def test_ids_outside_the_tensors_are_refused_before_any_byte_moves(self):
        tokens = self.stored_tokens
        good = [[1, 2, 3, 4, 5, 6, 7, 8]]
        for bad in (32, -1, 2**31, 2**40, 2**63 - 1, -2**63):
            with self.subTest(block=bad):
                ids = [[1, 2, 3, 4, 5, 6, 7, bad]]
                self.assertIs(self.worker1.store(self.key(tokens), ids), False)
                self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertNoLeases()
        self.assertTrue(self.worker1.store(self.key(tokens), good))
        for bad in (32, -1, 2**40):
            lookup = self.key(tokens, worker=None)
            self.client.hits(lookup)
            key = self.key(tokens, request=lookup["request_id"])
            self.assertTrue(self.unchanged_after(
                lambda: self.worker1.retrieve(key, [[1, 2, 3, 4, 5, 6, 7, bad]])))
            self.client.end_session(lookup["request_id"])
        self.assertNoLeases()

    @ours_only
    def test_lists_of_another_shape_are_refused(self):
        for blocks in ([], [[]], [[1, 2, 3, 4, 5, 6, 7, 8]] * 2, [[1, 2, 3, 4, 5]]):
            with self.subTest(blocks=blocks):
                self.assertIs(self.worker1.store(self.key(self.stored_tokens), blocks), False)
                self.assertTrue(self.unchanged_after(
                    lambda: self.worker1.retrieve(self.key(self.stored_tokens), blocks)))

    @ours_only
    def test_ranges_that_cannot_be_are_refused(self):
        tokens, blocks = self.stored_tokens, [list(range(1, 9))]
        for fields in ({"start": 3}, {"end": self.chunk + 1}, {"end": 3 * self.chunk},
                       {"start": 2 * self.chunk, "end": self.chunk}, {"start": -self.chunk},
                       {"worker": None}, {"end": 2**62}, {"worker": -3}, {"world": 0}):
            with self.subTest(**fields):
                key = self.key(tokens, **fields)
                self.assertIs(self.worker1.store(key, blocks), False)
                self.assertTrue(self.unchanged_after(lambda: self.worker1.retrieve(key, blocks)))

    @ours_only
    def test_any_number_of_tokens_to_skip_is_digested(self):
        tokens, blocks = self.stored_tokens, [list(range(1, 9))]
        self.worker1.store(self.key(tokens), blocks)
        for skip in (2 * self.chunk, 10**9, 2**62, -1, -2**62):
            lookup = self.key(tokens, worker=None)
            self.client.hits(lookup)
            key = self.key(tokens, request=lookup["request_id"])
            before = self.worker1.engine.image()
            self.worker1.retrieve(key, blocks, skip)
            self.assertEqual(self.worker1.engine.image(), before)
            self.client.end_session(lookup["request_id"])
        self.assertNoLeases()


class NullBlockMinusOne(WireCase):
    options = {"chunk": 16, "flags": ["--null-block-id", "-1"]}

    def test_minus_one_is_the_null_block_and_zero_a_block(self):
        worker, tokens = self.engine([Group(layers=1)]), self.tokens(2)
        blocks = [[0, 1, 2, 3] + [-1] * 4]
        self.assertIs(worker.store(self.key(tokens), blocks), True)
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 1)
        stored = worker.engine.image()
        worker.engine.fill(3)
        targets = [[9, 8, 7, 0]]
        expected = worker.engine.image_after(stored, [blocks[0][:4]], targets)
        key = self.key(tokens, request=lookup["request_id"], end=self.chunk)
        self.assertIs(worker.retrieve(key, targets), True)
        self.assertEqual(worker.engine.image(), expected)
