"""Lookups, their locks, and the sessions that hold them."""

from .client import NoReply
from .harness import WireCase, eventually, ours_only


class Lookup(WireCase):
    def test_ids_that_were_never_looked_up_have_no_hits(self):
        self.assertEqual(self.client.status("nobody"), 0)

    def test_a_result_is_consumed_once(self):
        worker, tokens = self.worker(), self.tokens(2)
        worker.store(self.key(tokens))
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 2)
        self.assertEqual(self.client.status(lookup["request_id"]), 0)

    def test_a_model_nobody_registered_has_no_hits(self):
        self.assertEqual(self.client.hits(self.key(self.tokens(2), worker=None)), 0)

    def test_incomplete_chunks_do_not_count(self):
        worker, tokens = self.worker(), self.tokens(2.5)
        worker.store(self.key(tokens, end=2 * self.chunk))
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 2)
        self.assertEqual(
            self.client.hits(self.key(tokens, worker=None, end=2 * self.chunk - 1)), 1)
        self.assertEqual(self.client.hits(self.key(tokens[:self.chunk - 1], worker=None)), 0)
        self.assertEqual(self.client.hits(self.key([], worker=None)), 0)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None, end=10**9)), 2)

    def test_the_prefix_ends_at_the_first_gap(self):
        worker, tokens = self.worker(), self.tokens(3)
        worker.store(self.key(tokens, end=self.chunk))
        worker.store(self.key(tokens, start=2 * self.chunk))
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 1)

    def test_a_different_first_token_changes_everything(self):
        worker, tokens = self.worker(), self.tokens(2)
        worker.store(self.key(tokens))
        self.assertEqual(
            self.client.hits(self.key([tokens[0] + 1] + tokens[1:], worker=None)), 0)
        self.assertEqual(
            self.client.hits(self.key(tokens[:-1] + [tokens[-1] + 1], worker=None)), 1)

    def test_waiting_for_a_result(self):
        worker, tokens = self.worker(), self.tokens(2)
        worker.store(self.key(tokens))
        lookup = self.key(tokens, worker=None)
        self.client.lookup(lookup)
        self.assertEqual(self.client.call("wait_prefetch_status", lookup["request_id"], 5.0), 2)
        self.assertEqual(self.client.call("wait_prefetch_status", lookup["request_id"], 0.0), 0)
        self.assertEqual(self.client.call("wait_prefetch_status", "nobody", 1), 0)

    def test_operations_may_be_named(self):
        client = self.connect(by_name=True)
        self.assertIs(client.ping(), True)
        self.assertEqual(client.hits(self.key(self.tokens(1), worker=None)), 0)

    def test_no_readers_means_no_job(self):
        worker, tokens = self.worker(), self.tokens(1)
        worker.store(self.key(tokens))
        lookup = self.key(tokens, worker=None, readers=0)
        uid = self.client.submit("lookup", lookup, 1)
        try:
            self.assertIsNone(self.client.wait(uid, 0.3))
        except NoReply:
            pass  # the real server stays silent
        self.assertEqual(self.client.status(lookup["request_id"]), 0)
        self.assertNoLeases()

    @ours_only
    def test_keys_that_cannot_be_are_answered_with_zero_hits(self):
        worker, tokens = self.worker(), self.tokens(1)
        worker.store(self.key(tokens))
        bad = [self.key([2**32] * self.chunk, worker=None), self.key([-1] * self.chunk),
               self.key(tokens, worker=None, readers=-1), self.key(tokens, model="a@b"),
               self.key(tokens, salt="a/b"), self.key(tokens, salt="a@b"),
               self.key(tokens, salt="x" * 129), self.key(tokens, worker=None, world=0),
               self.key(tokens, worker=None, world=-2), self.key(tokens, worker=None, world=2**31),
               self.key(tokens, worker=None, end=-5)]
        for key in bad:
            with self.subTest(key={k: key[k] for k in key if k != "token_ids"}):
                self.assertEqual(self.client.hits(key), 0)
        self.assertNoLeases()


    @ours_only
    def test_any_number_of_readers_is_given_back(self):
        worker, tokens = self.worker(), self.tokens(1)
        worker.store(self.key(tokens))
        for readers in (1000, 2**31, 2**62, 2**63 - 1):
            for _ in range(2):
                lookup = self.key(tokens, worker=None, readers=readers)
                self.assertIn(self.client.hits(lookup), (0, 1))
        for request in self.requests:
            self.client.end_session(request)
        self.assertNoLeases()


class Locks(WireCase):
    def stored(self, chunks: int = 4):
        worker, tokens = self.worker(), self.tokens(chunks)
        worker.store(self.key(tokens))
        return worker, tokens

    def locked(self) -> int:
        return self.server.leases()["read_locked_count"]

    def test_free_lookup_locks_rounds_an_unaligned_end_down(self):
        _, tokens = self.stored()
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        self.assertEqual(self.locked(), 4)
        self.client.free_locks(lookup, 0, self.chunk + self.chunk // 2)
        self.assertEqual(self.locked(), 3)
        self.client.free_locks(lookup, 5, 5)
        self.client.free_locks(lookup, 50, 5)
        self.assertEqual(self.locked(), 3)

    def test_free_lookup_locks_works_before_the_result_is_read(self):
        _, tokens = self.stored()
        lookup = self.key(tokens, worker=None)
        self.client.lookup(lookup)

        def freed():
            self.client.free_locks(lookup, 0, 4 * self.chunk)
            return self.locked() == 0
        eventually(freed)

    def test_free_lookup_locks_without_a_lookup_is_harmless(self):
        _, tokens = self.stored(1)
        self.assertIsNone(self.client.free_locks(self.key(tokens, worker=None), 0, self.chunk))

    def test_the_rest_is_retrieved_after_a_partial_release(self):
        worker, tokens = self.stored()
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        self.client.free_locks(lookup, 0, 2 * self.chunk)
        tail = self.key(tokens, request=lookup["request_id"], start=2 * self.chunk)
        self.assertEqual(worker.retrieve(tail), [worker.content(0, c) for c in (2, 3)])
        self.assertEqual(self.locked(), 0)

    @ours_only
    def test_releasing_twice_leaves_other_readers_alone(self):
        worker, tokens = self.stored(2)
        mine, other = self.key(tokens, worker=None), self.key(tokens, worker=None)
        self.client.hits(mine)
        self.client.hits(other)
        for _ in range(3):
            self.client.free_locks(mine, 0, 2 * self.chunk)
        self.client.clear(False)
        key = self.key(tokens, request=other["request_id"])
        self.assertEqual(worker.retrieve(key), [worker.content(0, c) for c in range(2)])
        self.assertNoLeases()

    @ours_only
    def test_the_end_of_a_session_releases_what_nobody_claimed(self):
        _, tokens = self.stored()
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        self.assertEqual(self.locked(), 4)
        self.client.end_session(lookup["request_id"])
        self.assertEqual(self.locked(), 0)

    @ours_only
    def test_a_second_lookup_replaces_the_locks_of_the_first(self):
        _, tokens = self.stored()
        lookup = self.key(tokens, worker=None)
        self.assertEqual(self.client.hits(lookup), 4)
        self.assertEqual(self.client.hits({**lookup, "end": 2 * self.chunk}), 2)
        self.assertEqual(self.locked(), 2)
        self.client.lookup(lookup)
        self.assertEqual(self.client.hits(lookup), 4)
        self.client.end_session(lookup["request_id"])
        self.assertEqual(self.locked(), 0)

    @ours_only
    def test_the_end_of_a_session_leaves_an_open_retrieve_alone(self):
        worker, tokens = self.stored(2)
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        key = self.key(tokens, request=lookup["request_id"])
        answer = self.client.prepare_retrieve(key, worker.instance)
        self.client.end_session(lookup["request_id"])
        self.client.clear(False)
        self.assertEqual(self.locked(), 2)
        self.assertEqual(worker.read(answer["context"]["slots"]),
                         [worker.content(0, c) for c in range(2)])
        self.assertIs(self.client.commit_retrieve(key, worker.instance), True)
        self.assertEqual(self.locked(), 0)

    @ours_only
    def test_the_end_of_a_connection_releases_its_locks_after_a_while(self):
        _, tokens = self.stored(2)
        scheduler = self.connect()
        scheduler.hits(self.key(tokens, worker=None))
        self.assertEqual(self.locked(), 2)
        scheduler.close()
        self.assertNoLeases(4.0)

    def test_clear_keeps_what_is_read_and_force_does_not(self):
        _, tokens = self.stored(2)
        lookup = self.key(tokens, worker=None)
        self.client.hits(lookup)
        self.client.clear(False)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 2)
        self.client.clear(True)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertEqual(self.server.l1()["total_object_count"], 0)


class Sessions(WireCase):
    def sessions(self) -> int:
        return self.server.status()["active_sessions"]

    def test_unknown_ids_may_end(self):
        self.assertIsNone(self.client.end_session("nobody"))

    @ours_only
    def test_a_store_after_the_end_makes_no_session(self):
        worker, before = self.worker(), self.sessions()
        for n in range(20):
            tokens, request = self.tokens(1, seed=n + 1), self.request()
            self.client.hits(self.key(tokens, worker=None, request=request))
            self.client.end_session(request)
            worker.store(self.key(tokens, request=request))
        self.assertEqual(self.sessions(), before)
        self.assertEqual(self.client.hits(self.key(self.tokens(1, seed=20), worker=None)), 1)

    @ours_only
    def test_a_request_id_used_again_with_other_tokens_is_noticed(self):
        worker, request = self.worker(), self.request()
        old, new = self.tokens(2, seed=1), self.tokens(2, seed=2)
        worker.store(self.key(old, request=request))
        self.assertEqual(self.client.hits(self.key(new, worker=None, request=request)), 0)
        self.assertEqual(worker.store(self.key(new, request=request), tag=9), [0, 1])
        lookup = self.key(new, worker=None)
        self.assertEqual(self.client.hits(lookup), 2)
        key = self.key(new, request=lookup["request_id"])
        self.assertEqual(worker.retrieve(key), [worker.content(9, c) for c in range(2)])
