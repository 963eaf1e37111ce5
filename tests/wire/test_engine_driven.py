"""Life of a request with slots in the server's shared-memory pool."""

from .harness import WireCase, ours_only
from .protocol import Refused, engine_driven_context


class LifeOfARequest(WireCase):
    def test_a_stored_prefix_comes_back_byte_for_byte(self):
        worker = self.worker()
        self.assertTrue(worker.answer["shm_name"].startswith("lmcache_l1_pool_"))
        self.assertGreater(worker.answer["pool_size"], 0)
        tokens = self.tokens(4)
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 0)

        key = self.key(tokens, request=lookup["request_id"])
        context = self.client.prepare_store(key, worker.instance)
        self.assertEqual(context["chunk_indices"], [0, 1, 2, 3])
        for slot in context["slots"]:
            self.assertEqual(slot["shape"], [2, 2, self.chunk, 8])
            self.assertEqual(slot["dtype"], "float16")
            self.assertEqual(slot["length"], 2 * 2 * self.chunk * 8 * 2)
            self.assertLessEqual(slot["offset"] + slot["length"], worker.answer["pool_size"])
        worker.write(context["slots"], [worker.content(1, c) for c in range(4)])
        self.assertIs(self.client.commit_store(key, worker.instance), True)
        self.client.end_session(lookup["request_id"])

        again = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(again), 4)
        warm = self.key(tokens, request=again["request_id"])
        self.assertEqual(worker.retrieve(warm), [worker.content(1, c) for c in range(4)])
        self.assertIsNone(self.client.end_session(again["request_id"]))
        self.assertNoLeases()

    def test_a_single_plane_object_has_one_axis_less(self):
        worker = self.worker(mla=True, layers=3, hidden=5, dtype="bfloat16")
        key = self.key(self.tokens(1))
        slot = self.client.prepare_store(key, worker.instance)["slots"][0]
        self.assertEqual(slot["shape"], [3, self.chunk, 5])
        self.assertEqual(slot["dtype"], "bfloat16")
        self.assertEqual(slot["length"], 3 * self.chunk * 5 * 2)

    def test_dtype_aliases_are_answered_with_the_canonical_name(self):
        worker = self.worker(dtype="half")
        slot = self.client.prepare_store(self.key(self.tokens(1)), worker.instance)["slots"][0]
        self.assertEqual(slot["dtype"], "float16")

    def test_physical_slots_may_differ_from_the_chunk_size(self):
        worker = self.worker(slots=self.chunk // 2)
        slot = self.client.prepare_store(self.key(self.tokens(1)), worker.instance)["slots"][0]
        self.assertEqual(slot["shape"], [2, 2, self.chunk // 2, 8])

    def test_only_missing_chunks_are_written(self):
        worker, tokens = self.worker(), self.tokens(4)
        self.assertEqual(worker.store(self.key(tokens, end=2 * self.chunk)), [0, 1])
        self.assertEqual(worker.store(self.key(tokens)), [2, 3])
        self.assertEqual(worker.store(self.key(tokens)), [])

    def test_chunk_indices_count_from_the_start_of_the_range(self):
        worker, tokens = self.worker(), self.tokens(4)
        self.assertEqual(worker.store(self.key(tokens, start=2 * self.chunk)), [0, 1])
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertEqual(worker.store(self.key(tokens)), [0, 1])
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 4)

    def test_a_later_range_is_retrieved_alone(self):
        worker, tokens = self.worker(), self.tokens(4)
        worker.store(self.key(tokens))
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 4)
        key = self.key(tokens, request=lookup["request_id"], start=self.chunk,
                       end=3 * self.chunk)
        self.assertEqual(worker.retrieve(key), [worker.content(0, c) for c in (1, 2)])

    def test_a_second_prepare_while_the_first_is_open_reserves_nothing(self):
        worker, key = self.worker(), self.key(self.tokens(2))
        first = self.client.prepare_store(key, worker.instance)
        second = self.client.prepare_store(key, worker.instance)
        self.assertEqual(len(first["slots"]), 2)
        self.assertEqual(second, {"slots": [], "chunk_indices": []})

    def test_two_writers_of_one_key_leave_one_whole_object(self):
        tokens, workers = self.tokens(1), [self.worker(), self.worker()]
        keys = [self.key(tokens), self.key(tokens)]
        open_slots = [self.client.prepare_store(k, w.instance) for k, w in zip(keys, workers)]
        written = []
        for tag, (worker, key, context) in enumerate(zip(workers, keys, open_slots)):
            if context["slots"]:
                worker.write(context["slots"], [worker.content(tag, 0)])
                self.client.commit_store(key, worker.instance)
                written.append(worker.content(tag, 0))
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 1)
        found = workers[0].retrieve(self.key(tokens, request=lookup["request_id"]))
        self.assertEqual(len(found), 1)
        self.assertIn(found[0], written)

    def test_each_rank_has_its_own_bytes_and_a_hit_needs_all_of_them(self):
        tokens = self.tokens(2)
        ranks = [self.worker(world=2, rank=r) for r in range(2)]
        ranks[0].store(self.key(tokens, world=2, worker=0))
        self.assertEqual(self.client.hits(self.key(tokens, world=2, worker=None)), 0)
        ranks[1].store(self.key(tokens, world=2, worker=1))
        lookup = self.key(tokens, world=2, worker=None)
        self.assertEqual(self.client.hits(lookup), 2)
        for r, worker in enumerate(ranks):
            key = self.key(tokens, world=2, worker=r, request=lookup["request_id"])
            self.assertEqual(worker.retrieve(key), [worker.content(0, c) for c in range(2)])
        self.assertNoLeases()

    def test_two_readers_of_one_object_take_one_lock_each(self):
        tokens = self.tokens(2)
        workers = [self.worker(mla=True) for _ in range(2)]
        workers[0].store(self.key(tokens, readers=2))
        lookup = self.key(tokens, worker=None, readers=2)
        self.assertEqual(self.client.hits(lookup), 2)
        key = self.key(tokens, request=lookup["request_id"], readers=2)
        for worker in workers:
            self.assertEqual(worker.retrieve(key), [workers[0].content(0, c) for c in range(2)])
        self.assertIsNone(workers[0].retrieve(key))
        self.assertNoLeases()

    def test_a_retrieve_needs_a_lookup_of_its_own(self):
        worker, tokens = self.worker(), self.tokens(2)
        worker.store(self.key(tokens))
        self.assertIsNone(worker.retrieve(self.key(tokens)))
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        key = self.key(tokens, request=lookup["request_id"])
        self.assertIsNotNone(worker.retrieve(key))
        self.assertIsNone(worker.retrieve(key))

    def test_salts_keep_tenants_apart(self):
        worker, tokens = self.worker(), self.tokens(1)
        worker.store(self.key(tokens, salt="red"))
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None, salt="blue")), 0)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None, salt="red")), 1)

    def test_commits_without_a_prepare(self):
        worker, key = self.worker(), self.key(self.tokens(1))
        self.assertIs(self.client.commit_store(key, worker.instance), False)
        self.assertIs(self.client.commit_retrieve(key, worker.instance), True)

    @ours_only
    def test_an_unknown_instance_is_answered_at_once(self):
        key = self.key(self.tokens(1))
        self.assertEqual(self.client.prepare_store(key, 999999),
                         {"slots": [], "chunk_indices": []})
        self.assertIs(self.client.commit_store(key, 999999), False)
        self.assertEqual(self.client.prepare_retrieve(key, 999999),
                         {"success": False, "data": b"", "context": {}})
        self.assertIs(self.client.commit_retrieve(key, 999999), True)

    @ours_only
    def test_ranges_that_cannot_be_are_answered_negatively(self):
        worker, tokens = self.worker(), self.tokens(2)
        nothing = {"slots": [], "chunk_indices": []}
        for fields in ({"start": 3}, {"end": self.chunk + 1}, {"end": 3 * self.chunk},
                       {"start": self.chunk, "end": 0}, {"start": -self.chunk},
                       {"worker": None}, {"end": 2**62, "start": 0}, {"worker": -1},
                       {"world": 0}, {"world": 2**40}):
            with self.subTest(**fields):
                key = self.key(tokens, **fields)
                self.assertEqual(self.client.prepare_store(key, worker.instance), nothing)
                self.assertFalse(self.client.prepare_retrieve(key, worker.instance)["success"])
        self.assertNoLeases()


class Registration(WireCase):
    def test_it_is_idempotent(self):
        worker = self.worker()
        self.assertEqual(self.client.register_engine_driven(worker.context), worker.answer)

    def test_unregistering_twice_and_unknown_ids_are_harmless(self):
        worker = self.worker()
        for instance in (worker.instance, worker.instance, 424242):
            self.assertIsNone(self.client.unregister_engine_driven(instance))

    @ours_only
    def test_a_known_id_with_another_layout_is_refused_with_a_text(self):
        worker = self.worker()
        with self.assertRaisesRegex(Refused, "^register_kv_cache_engine_driven_context refused: "):
            self.client.register_engine_driven({**worker.context, "num_layers": 3})
        self.assertEqual(worker.store(self.key(self.tokens(1))), [0])

    @ours_only
    def test_impossible_layouts_are_refused_with_a_text(self):
        for fields in ({"dtype": "quint4x2"}, {"dtype": "complex64"}, {"slots": 0}, {"slots": -4},
                       {"layers": 0}, {"layers": -1}, {"hidden": 0}, {"hidden": 2**62},
                       {"layers": 2**40, "hidden": 2**40}, {"world": 0}, {"slots": 2**62}):
            with self.subTest(**fields), self.assertRaisesRegex(Refused, "refused: .+"):
                self.client.register_engine_driven(
                    engine_driven_context(5000 + self.number(), self.model, **fields))
        self.assertTrue(self.client.ping())

    @ours_only
    def test_unregistering_throws_open_slots_away(self):
        worker, tokens = self.worker(), self.tokens(2)
        key = self.key(tokens)
        slots = self.client.prepare_store(key, worker.instance)["slots"]
        worker.write(slots, [b"\xee" * s["length"] for s in slots])
        self.client.unregister_engine_driven(worker.instance)
        self.assertNoLeases()
        fresh = self.worker()
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertEqual(fresh.store(self.key(tokens)), [0, 1])

    @ours_only
    def test_an_object_of_another_length_is_a_miss(self):
        small, large = self.worker(hidden=8), self.worker(hidden=16)
        tokens = self.tokens(1)
        small.store(self.key(tokens))
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        key = self.key(tokens, request=lookup["request_id"])
        self.assertIsNone(large.retrieve(key))
        self.client.end_session(lookup["request_id"])
        self.assertNoLeases()
