"""Small operations, and operations that are not supported."""

from .harness import WireCase, ours_only
from .protocol import OPERATION_IDS, group_info


class Management(WireCase):
    def test_ping_is_true_for_nobody_known_and_unknown(self):
        worker = self.worker()
        for instance in (None, worker.instance, 123456789, 2**63 - 1):
            self.assertIs(self.client.ping(instance), True)

    def test_start_up_questions(self):
        self.assertEqual(self.client.chunk_size(), self.chunk)
        self.assertEqual(self.client.noop(), "OK")
        self.assertIn("kv_event_stream", self.client.experimental())

    def test_block_allocation_reports_are_acknowledged(self):
        records = [{"req_id": "r", "new_block_ids": [1, 2], "new_token_ids": list(range(3000))}]
        self.assertIsNone(self.client.call("report_block_allocation", 1, self.model, records))
        self.assertIsNone(self.client.call("report_block_allocation", 1, self.model, []))

    def test_any_integer_width_names_an_operation(self):
        for n, op in enumerate((b"\x16", b"\xcc\x16", b"\xcd\x00\x16", b"\xce\x00\x00\x00\x16",
                                b"\xd0\x16", b"\xa4ping")):
            uid = b"\xcd\x10" + bytes([n])
            self.client.expect(uid, op)
            self.client.send_raw(uid, op, b"\xc0")
            self.assertIs(self.client.wait(uid), True)

    def test_uids_are_echoed_unread(self):
        for uid in (b"", b"\xc1garbage", b"text", b"\x00" * 300):
            self.client.expect(uid, b"\x18")
            self.client.send_raw(uid, b"\x18")
            self.assertEqual(self.client.wait(uid), "OK")

    def test_replies_of_pipelined_calls_match_their_uids(self):
        uids = [self.client.submit(("noop", "ping", "get_chunk_size")[n % 3],
                                   *([None] if n % 3 == 1 else [])) for n in range(300)]
        for n, uid in reversed(list(enumerate(uids))):
            self.assertEqual(self.client.wait(uid), ("OK", True, self.chunk)[n % 3])

    @ours_only
    def test_disabled_operations_are_answered(self):
        key = self.key(self.tokens(1))
        pair = [b"", False]
        calls = {
            "register_q_cache": [1, [], self.model, 1, "vllm", {}, [group_info(0, [0])]],
            "unregister_q_cache": [1], "cb_unregister_rope": [1],
            "cb_unified_lookup": [key, 1], "cb_reorder_plan": [key, 0, 0],
            "cb_protocol_handshake": [1], "p2p_query_lookup_results": [0],
            "p2p_unlock_objects": [[]], "p2p_lookup_and_lock": [[], {}],
            "server_module_call": [{"method": "a.b", "payload": b""}],
            "cb_register_rope": [1, [], 64, True, [], [], [], ""],
            "store_q": [key, 1, [[1]], b""], "cb_retrieve_pre_computed": [key, [], [[1]], 1, b""],
        }
        for name, payloads in calls.items():
            with self.subTest(name):
                uid = self.client.submit(name, *payloads)
                reply = self.client.wait_reply(uid)
                if name in ("store_q", "cb_retrieve_pre_computed"):
                    self.assertEqual(reply.value(reply.operation), pair)

    @ours_only
    def test_every_frozen_id_gets_one_answer_even_without_payloads(self):
        uids = [self.client.submit(name) for name in OPERATION_IDS]
        for uid in uids:
            self.client.wait_reply(uid)
