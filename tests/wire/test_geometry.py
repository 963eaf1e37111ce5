"""Every paged format: stored, overwritten, brought back, compared byte by byte."""

import os

from .harness import KIND, WireCase, ours_only
from .paged import Group, Segment
from .protocol import Refused, cpu_shm, descriptor, group_info

FORMATS = {
    "K/V first, tokens before heads": Group(2, "kv_first_nhd"),
    "K/V first, heads before tokens": Group(2, "kv_first_hnd"),
    "blocks first, tokens before heads": Group(2, "blocks_first_nhd"),
    "blocks first, heads before tokens": Group(2, "blocks_first_hnd"),
    "packed K and V, tokens before heads": Group(2, "packed_nhd"),
    "packed K and V, heads before tokens": Group(2, "packed_hnd"),
    "MLA": Group(3, "mla", "bfloat16", head_size=9),
    "indexer of rank 3": Group(2, "mla", "uint8", head_size=132),
    "indexer of rank 4, heads first": Group(2, "packed_hnd", "uint8", heads=1, head_size=132),
    "indexer of rank 4, tokens first": Group(2, "packed_nhd", "uint8", heads=1, head_size=132),
    "float32": Group(1, "kv_first_nhd", "float32"),
    "one head": Group(2, "kv_first_hnd", heads=1, head_size=8),
    "one slot per block": Group(1, "blocks_first_nhd", block_slots=1, blocks=80),
    "one block per chunk": Group(1, "kv_first_hnd", block_slots=16),
    "fewer slots than tokens": Group(2, "mla", head_size=6, tokens_per_block=8),
}

PADDED = {
    "blocks first, tokens before heads": Group(2, "blocks_first_nhd", pad=11),
    "blocks first, heads before tokens": Group(2, "blocks_first_hnd", pad=3),
    "packed": Group(2, "packed_hnd", pad=5),
    "MLA": Group(2, "mla", head_size=6, pad=2),
}

WINDOWS = {
    "a window of one block": [Group(2, window=4)],
    "a window of two blocks": [Group(2, "mla", head_size=6, window=8)],
    "a window of a whole chunk": [Group(2, window=16)],
    "a window beyond a chunk": [Group(2, window=40)],
    "full attention beside a window": [Group(2), Group(1, window=8, engine_group=1)],
}

GROUPS = {
    "two dtypes": [Group(3, "kv_first_hnd", "bfloat16"), Group(5, "kv_first_hnd", "float16")],
    "two sizes of head": [Group(1, head_size=4), Group(2, head_size=6)],
    "two block-id spaces": [Group(2), Group(2, engine_group=1)],
    "MLA and its indexer": [Group(2, "mla", head_size=9),
                            Group(1, "mla", "uint8", head_size=132)],
    "three groups": [Group(1), Group(1, engine_group=1), Group(1, head_size=5, engine_group=2)],
    "other block sizes": [Group(2, "mla", head_size=5),
                          Group(1, "mla", head_size=5, block_slots=8, engine_group=1)],
}


class Geometry(WireCase):
    def round_trip(self, groups, *, skip: int = 0, chunks: int = 3, check_object: bool = True,
                   **options) -> None:
        worker = self.engine(groups, **options)
        engine, tokens = worker.engine, self.tokens(chunks)
        blocks = engine.blocks_for(chunks)
        self.assertIs(worker.store(self.key(tokens), blocks), True)
        if check_object:
            self.assertEqual(self.objects(tokens, engine, blocks), engine.chunk_objects(blocks))
        stored = engine.image()
        engine.fill(worker.instance + 1)
        targets = [list(reversed([b + 3 for b in ids])) for ids in blocks]
        expected = engine.image_after(stored, blocks, targets, skip)
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), chunks)
        key = self.key(tokens, request=lookup["request_id"])
        self.assertIs(worker.retrieve(key, targets, skip), True)
        for number, (found, wanted) in enumerate(zip(engine.image(), expected)):
            self.assertEqual(found, wanted, f"memory of layer {number}")
        worker.close()

    def objects(self, tokens, engine, blocks) -> list[bytes] | None:
        """The stored objects, read through a byte-wise engine-driven registration."""
        size = len(engine.chunk_objects(blocks)[0])
        pool = self.worker(layers=1, hidden=size, slots=1, mla=True, dtype="uint8")
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        found = pool.retrieve(self.key(tokens, request=lookup["request_id"]))
        self.client.end_session(lookup["request_id"])
        return found

    def each(self, cases, **options):
        for name, groups in cases.items():
            with self.subTest(name):
                self.client.clear(True)
                self.model = f"{self.model}+"
                self.round_trip(groups if isinstance(groups, list) else [groups], **options)

    def test_every_format_keeps_its_bytes_and_its_documented_object(self):
        self.each(FORMATS)

    def test_layers_may_share_a_segment(self):
        self.each(FORMATS, shared_segment=True, check_object=False)

    @ours_only
    def test_padded_block_pools_are_read_by_their_strides(self):
        self.each(PADDED)

    def test_several_groups_share_one_object(self):
        self.each(GROUPS, check_object=KIND != "peer")  # it has no such engine-driven reader

    def test_sub_chunk_windows_move_only_their_blocks(self):
        self.each(WINDOWS, check_object=False)

    def test_skipped_tokens_stay_untouched_in_every_format(self):
        for skip in (1, 4, 7, 16, 21, 40):
            with self.subTest(skip=skip):
                self.each({"K/V first": Group(2), "MLA": Group(2, "mla", head_size=4),
                           "compressed": Group(1, "mla", tokens_per_block=8)},
                          skip=skip, check_object=False)

    def test_skipped_tokens_stay_untouched_in_windows_and_groups(self):
        for skip in (4, 13, 16, 30):
            with self.subTest(skip=skip):
                self.each({**WINDOWS, "two": GROUPS["other block sizes"]}, skip=skip,
                          check_object=False)


class SeparateObjects(WireCase):
    """With one object group per window, chunks before a window need not be there."""

    options = {"chunk": 16, "flags": ["--separate-object-groups"]}

    def test_only_the_chunks_inside_a_window_are_stored_and_needed(self):
        worker = self.engine([Group(2), Group(1, window=32, engine_group=1)])
        engine, tokens = worker.engine, self.tokens(4)
        blocks = engine.blocks_for(4)
        blocks[1][:8] = [0] * 8  # the engine has given up the first two chunks of the window
        self.assertIs(worker.store(self.key(tokens), blocks), True)
        self.assertEqual(self.server.l1()["total_object_count"], 6)
        stored = engine.image()
        engine.fill(17)
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 4)
        targets = [[b + 12 for b in blocks[0]], [0] * 8 + [b + 12 for b in blocks[1][8:]]]
        expected = engine.image_after(stored, [blocks[0], []], [targets[0], []])
        tail = engine.image_after(stored, [[], blocks[1][8:]], [[], targets[1][8:]])
        expected[2] = tail[2]
        key = self.key(tokens, request=lookup["request_id"])
        self.assertIs(worker.retrieve(key, targets), True)
        self.assertEqual(engine.image(), expected)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None, end=2 * self.chunk)), 0)


class Descriptors(WireCase):
    """Registrations that must be refused with a text, not mapped."""

    def setUp(self):
        super().setUp()
        self.segment = Segment(2 * 4 * 4 * 2 * 3 * 2)
        self.addCleanup(self.segment.close)

    def handle(self, **changes):
        shape = changes.pop("shape", [2, 4, 4, 2, 3])
        stride = changes.pop("stride", [96, 24, 6, 3, 1])
        body = cpu_shm(changes.pop("shm_name", self.segment.name),
                       changes.pop("nbytes", len(self.segment.memory)),
                       changes.pop("dtype", "float16"), shape, stride,
                       changes.pop("storage_offset", 0))
        return descriptor({**body, **changes})

    def register(self, handles, infos=None, hints=None, engine="vllm"):
        return self.client.register_kv_cache(
            7000 + self.number(), handles, self.model, 1, hints or {"kv_layout": "NHD"},
            [group_info(0, [0])] if infos is None else infos, engine)

    def refused(self, *args, **kw):
        with self.assertRaisesRegex(Refused, "^register_kv_cache refused: .+"):
            self.register(*args, **kw)

    def test_the_plain_descriptor_is_accepted(self):
        self.assertIsNone(self.register([self.handle()]))
        self.assertIsNone(self.register([self.handle()], infos=[]))

    @ours_only
    def test_memory_that_is_not_there_or_too_small(self):
        for changes in ({"shm_name": "/lmcache_kv_1_nobody"}, {"shm_name": "/etc/passwd"},
                        {"shm_name": "/lmcache_kv_../../etc/passwd"}, {"shm_name": "/other_1"},
                        {"shm_name": "lmcache_kv_1_1\0x"}, {"shm_name": ""}, {"shm_name": "/"},
                        {"nbytes": len(self.segment.memory) + 1}, {"nbytes": 2**62},
                        {"nbytes": -1}, {"nbytes": len(self.segment.memory) - 1},
                        {"nbytes": 0}, {"storage_offset": 1}, {"storage_offset": -1},
                        {"storage_offset": 2**62}):
            with self.subTest(**changes):
                self.refused([self.handle(**changes)])

    @ours_only
    def test_shapes_and_strides_that_reach_outside(self):
        for changes in ({"shape": [2, 5, 4, 2, 3]}, {"stride": [97, 24, 6, 3, 1]},
                        {"shape": [2, -4, 4, 2, 3]}, {"stride": [96, -24, 6, 3, 1]},
                        {"shape": [2**32, 2**32, 4, 2, 3]}, {"stride": [2**62, 24, 6, 3, 1]},
                        {"shape": [2, 4, 4, 2]}, {"shape": []}, {"stride": [96, 24, 6, 3]},
                        {"shape": [2, 0, 4, 2, 3]}, {"stride": [96, 24, 3, 12, 1]},
                        {"stride": [0, 0, 0, 0, 0]}, {"dtype": "complex64"}, {"dtype": "nope"},
                        {"shape": [1] * 300, "stride": [1] * 300}):
            with self.subTest(**changes):
                self.refused([self.handle(**changes)])

    @ours_only
    def test_handles_of_another_kind(self):
        for changes in ({"type": "cuda_magic"}, {"version": 2}, {"surplus": 1}):
            with self.subTest(**changes):
                self.refused([self.handle(**changes)])
        cuda = {"type": "cuda_raw", "ipc_handle": b"\0" * 64, "alloc_offset": 0, "nbytes": 96,
                "version": 1, "metadata": {"dtype": "float16", "shape": [4, 4, 3],
                                           "stride": [12, 3, 1], "storage_offset": 0,
                                           "device_uuid": "0" * 36}}
        self.refused([descriptor(cuda)])
        self.refused([self.handle(), descriptor(cuda)], infos=[])

    @ours_only
    def test_groups_that_do_not_match(self):
        handle = self.handle()
        for infos in ([group_info(0, [0]), group_info(1, [1])], [group_info(0, [0, 1])],
                      [group_info(0, [-1])], [group_info(0, [2**40])], [group_info(0, [0, 0])],
                      [group_info(0, [0], tokens_per_block=3)],
                      [group_info(0, [0], tokens_per_block=-4)],
                      [group_info(0, [0], tokens_per_block=2**40)],
                      [group_info(0, [0], tokens_per_block=4, window=6)]):
            with self.subTest(infos=infos):
                self.refused([handle], infos=infos)
        self.refused([], infos=[])

    @ours_only
    def test_a_known_id_with_another_layout(self):
        worker = self.engine([Group(2)])
        other = self.handle()
        with self.assertRaisesRegex(Refused, "^register_kv_cache refused: .+"):
            self.client.register_kv_cache(worker.instance, [other], self.model, 1,
                                          {"kv_layout": "NHD"}, [group_info(0, [0])])
        self.assertTrue(worker.store(self.key(self.tokens(1)), worker.engine.blocks_for(1)))

    @ours_only
    def test_a_segment_cut_short_later_fails_the_call_and_nothing_else(self):
        worker = self.engine([Group(1, blocks=4096)])
        tokens = self.tokens(2)
        blocks = [list(range(4000, 4008))]
        self.assertTrue(worker.store(self.key(tokens), blocks))
        for segment in worker.engine.segments:
            os.truncate(segment.path, 4096)
        fresh = self.tokens(2, seed=5)
        self.assertIs(worker.store(self.key(fresh), blocks), False)
        self.assertEqual(self.client.hits(self.key(fresh, worker=None)), 0)
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        self.assertIs(
            worker.retrieve(self.key(tokens, request=lookup["request_id"]), blocks), False)
        self.assertTrue(self.client.ping())
        self.assertNoLeases()
