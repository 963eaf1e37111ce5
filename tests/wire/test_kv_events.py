"""The stream of what is stored and removed, item by item under credit."""

from .client import Client
from .harness import WireCase, eventually, ours_only
from .paged import Group
from .protocol import cache_key

# BLAKE3 chain over tokens 1..8 in chunks of four.
FIRST = bytes.fromhex("6309ed506b8721905753f5c73c070bb21c3aafbd9b474b1e231f41368b71123c")
SECOND = bytes.fromhex("98efc76eafb06cfe774c31ff151f300b61a614c27982a211bb8cdbd83a8c0e19")
QUIET_S = 0.2


class Events(WireCase):
    options = {"chunk": 4}

    def setUp(self):
        super().setUp()
        self.events_client = self.connect()

    def subscribe(self, cursor: int = 0, max_events: int = 1024, instance=None):
        stream = self.events_client.subscribe(instance or 3000 + self.number(), self.model,
                                              cursor, max_events)
        self.addCleanup(stream.cancel)
        return stream

    def opened(self, **options):
        """A stream whose first, empty batch was taken."""
        stream = self.subscribe(**options)
        first = stream.item()
        self.assertEqual((first["enabled"], first["events"]), (True, []))
        return stream, first

    def next_events(self, stream, count: int) -> list[dict]:
        events = []
        while len(events) < count:
            stream.ack()
            events += stream.item()["events"]
        return events

    def store(self, tokens, start: int = 0) -> None:
        if not hasattr(self, "engine1"):
            self.engine1 = self.engine([Group(1)])
        chunks = (len(tokens) - start) // self.chunk
        key = cache_key(tokens, model=self.model, request=self.request(), start=start)
        self.assertTrue(self.engine1.store(key, self.engine1.engine.blocks_for(chunks)))

    def test_the_first_item_comes_at_once(self):
        _, first = self.opened()
        self.assertIs(first["lost"], False)
        self.assertGreater(first["incarnation"], 10**18)
        self.assertEqual(set(first), {"enabled", "incarnation", "next_cursor", "lost", "events"})

    def test_stored_chunks_carry_their_hash_parent_and_tokens(self):
        stream, _ = self.opened()
        self.store(range(1, 9))
        events = self.next_events(stream, 2)
        self.assertEqual([e["kind"] for e in events], ["stored", "stored"])
        self.assertEqual([e["block_hashes"] for e in events], [[FIRST], [SECOND]])
        self.assertEqual([e["parent_block_hash"] for e in events], [None, FIRST])
        self.assertEqual([e["token_ids"] for e in events], [[1, 2, 3, 4], [5, 6, 7, 8]])
        self.assertEqual({e["medium"] for e in events}, {"CPU"})
        self.assertEqual({e["model_name"] for e in events}, {self.model})
        self.assertEqual(events[1]["seq"], events[0]["seq"] + 1)

    def test_a_later_range_knows_its_parent(self):
        self.store(range(1, 5))
        stream = self.subscribe()
        self.assertEqual(len(stream.item()["events"]), 1)
        self.store(range(1, 9), start=4)
        (event,) = self.next_events(stream, 1)
        self.assertEqual((event["block_hashes"], event["parent_block_hash"]), ([SECOND], FIRST))

    def test_removed_chunks_are_named(self):
        self.store(range(1, 9))
        stream = self.subscribe()
        self.assertEqual(len(stream.item()["events"]), 2)
        self.client.clear(False)
        removed = self.next_events(stream, 1)
        hashes = [h for e in removed for h in e["block_hashes"]]
        while len(hashes) < 2:
            hashes += [h for e in self.next_events(stream, 1) for h in e["block_hashes"]]
        self.assertEqual(sorted(hashes), sorted([FIRST, SECOND]))
        for event in removed:
            self.assertEqual((event["kind"], event["parent_block_hash"], event["token_ids"]),
                             ("removed", None, []))

    def test_other_models_are_not_shown(self):
        stream, _ = self.opened()
        mine, self.model = self.model, self.model + "-other"
        self.store(range(1, 9))
        stream.ack()
        if not stream.silent(QUIET_S):
            self.fail(f"events of another model on a stream of {mine}")

    def test_pages_hold_at_most_what_was_asked_for(self):
        self.store(range(1, 25))
        stream, sizes, cursors = self.subscribe(max_events=2), [], []
        for _ in range(3):
            batch = stream.item()
            sizes.append(len(batch["events"]))
            cursors.append(batch["next_cursor"])
            self.assertEqual(batch["events"][-1]["seq"], batch["next_cursor"])
            stream.ack()
        self.assertEqual(sizes, [2, 2, 2])
        self.assertEqual(cursors, sorted(cursors))

    def test_a_cursor_continues_where_another_stream_ended(self):
        self.store(range(1, 9))
        first = self.subscribe(max_events=1).item()
        second = self.subscribe(cursor=first["next_cursor"]).item()
        self.assertEqual([e["block_hashes"] for e in second["events"]], [[SECOND]])
        self.assertIs(second["lost"], False)

    def test_a_cursor_from_the_future_means_loss(self):
        self.assertIs(self.subscribe(cursor=2**40).item()["lost"], True)

    def test_nothing_is_sent_without_credit_and_credit_does_not_add_up(self):
        stream, _ = self.opened()
        self.store(range(1, 5))
        self.assertTrue(stream.silent(QUIET_S))
        stream.ack()
        self.assertEqual(len(stream.item()["events"]), 1)
        for _ in range(6):
            stream.ack()
        batches = events = 0
        for chunks in range(2, 7):  # one credit in use and one kept, whatever was sent
            self.store(range(1, 4 * chunks + 1), start=4 * chunks - 4)
            if not stream.silent(QUIET_S):
                batches, events = batches + 1, events + len(stream.item()["events"])
        self.assertLessEqual(batches, 2)
        self.assertEqual(len(self.next_events(stream, 5 - events)), 5 - events)

    def test_cancel_is_answered_with_the_end_once(self):
        stream, _ = self.opened()
        stream.cancel()
        self.assertIsNone(stream.item())
        stream.cancel()
        stream.ack()
        self.assertFalse(self.events_client.receive(QUIET_S))
        self.assertEqual(stream.ended, 1)

    def test_strange_controls_are_ignored(self):
        stream, _ = self.opened()
        for words in ((b"ack", b"ack"), (b"ACK",), (b"",), (b"\xa3ack",), ()):
            stream.control(*words)
        self.events_client.send_raw(b"\x63", b"", b"ack")
        self.events_client.send_raw(b"\x63", b"", b"cancel")
        self.store(range(1, 5))
        self.assertTrue(stream.silent(QUIET_S))
        stream.ack()
        self.assertEqual(len(stream.item()["events"]), 1)

    def test_a_newer_subscription_of_an_instance_ends_the_older(self):
        old, _ = self.opened(instance=77)
        new, _ = self.opened(instance=77)
        self.assertIsNone(old.item())
        self.store(range(1, 5))
        self.assertEqual(len(self.next_events(new, 1)), 1)

    def test_the_status_counts_subscribers(self):
        before = self.server.status()["kv_events"]["subscribers"]
        stream, _ = self.opened()
        self.assertEqual(self.server.status()["kv_events"]["subscribers"], before + 1)
        stream.cancel()
        self.assertIsNone(stream.item())
        self.assertTrue(self.server.status()["kv_events"]["enabled"])

    @ours_only
    def test_bad_arguments_end_the_stream_at_once(self):
        for cursor, size in ((-1, 1024), (0, 0), (0, 1025), (0, -1), (-2**63, 1), (0, 2**62)):
            with self.subTest(cursor=cursor, max_events=size):
                self.assertIsNone(self.subscribe(cursor=cursor, max_events=size).item())

    @ours_only
    def test_the_end_of_a_connection_ends_its_streams(self):
        before = self.server.status()["kv_events"]["subscribers"]
        other = Client(self.server.endpoint)
        other.subscribe(5, self.model).item()
        self.assertEqual(self.server.status()["kv_events"]["subscribers"], before + 1)
        other.close()

        def gone():
            return self.server.status()["kv_events"]["subscribers"] == before
        eventually(gone)


class SmallLog(WireCase):
    options = {"chunk": 4, "flags": ["--kv-event-log-size", "4"]}

    def test_a_cursor_older_than_the_log_means_loss(self):
        engine, tokens = self.engine([Group(1)]), list(range(1, 41))
        self.assertTrue(engine.store(self.key(tokens), engine.engine.blocks_for(10)))
        stream = self.client.subscribe(1, self.model, 1)
        batch = stream.item()
        self.assertIs(batch["lost"], True)
        self.assertLessEqual(len(batch["events"]), 4)
        stream.cancel()
        self.assertIsNone(stream.item())


class NoLog(WireCase):
    options = {"chunk": 4, "flags": ["--kv-event-log-size", "0"]}

    def test_it_is_not_advertised_and_a_stream_ends_after_one_batch(self):
        self.assertNotIn("kv_event_stream", self.client.experimental())
        stream = self.client.subscribe(1, self.model)
        self.assertIs(stream.item()["enabled"], False)
        stream.ack()
        self.assertIsNone(stream.item())
