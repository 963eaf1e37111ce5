"""Messages that are malformed, truncated, oversized or mistyped: answered or dropped, survived.

Everything here runs beside a second client whose pings must all be answered.
"""

import random

from .client import NoReply
from .harness import WireCase, ours_only
from .protocol import Refused, engine_driven_context, operation, pack

# Encodings that no operation accepts as its first payload.
BROKEN = {
    "empty frame": b"", "reserved byte": b"\xc1", "cut map": b"\x8a\xaamodel_name",
    "cut string": b"\xdb\xff\xff\xff\xffabc", "cut bytes": b"\xc6\xff\xff\xff\xff",
    "array of four thousand million": b"\xdd\xff\xff\xff\xff",
    "map of four thousand million": b"\xdf\xff\xff\xff\xff",
    "deep arrays": b"\x91" * 100_000, "deep maps": b"\x81\x01" * 100_000,
    "foreign extension": b"\xc7\x02\x05ab", "extension of 4 GiB": b"\xc9\xff\xff\xff\xff\x01",
    "trailing bytes": b"\x80\x80", "empty array": b"\x90", "not UTF-8": b"\xa2\xff\xfe\x00",
}

PAIR, NOTHING = [b"", False], {"slots": [], "chunk_indices": []}
MISS = {"success": False, "data": b"", "context": {}}


class Malformed(WireCase):
    def setUp(self):
        super().setUp()
        self.second = self.connect()
        self.pool_worker = self.worker()
        self.addCleanup(self.still_served)

    def still_served(self):
        self.assertIs(self.second.ping(timeout_s=5), True)
        self.assertEqual(self.client.noop(), "OK")

    def answer(self, name: str, frames: list[bytes]):
        uid = self.client.submit_encoded(operation(name), frames)
        value = self.client.wait(uid)
        self.assertIs(self.second.ping(timeout_s=5), True)
        return value

    def silent_or_null(self, *frames: bytes) -> None:
        """Sends a message whose operation means nothing; the next call is answered all the same."""
        self.client.expect(frames[0], frames[1] if len(frames) > 1 else b"")
        self.client.send_raw(*frames)
        self.assertEqual(self.client.noop(), "OK")
        try:
            self.assertIsNone(self.client.wait_reply(frames[0], 0.01).body)
        except NoReply:
            pass
        self.assertIs(self.second.ping(timeout_s=5), True)

    @ours_only
    def test_typed_refusals_of_payloads_that_do_not_decode(self):
        key, one = pack(self.key(self.tokens(1))), pack(1)
        blocks, event = pack([[1]]), pack(b"")
        for name, broken in BROKEN.items():
            with self.subTest(name):
                self.assertEqual(self.answer("store", [broken, one, blocks, event]), PAIR)
                self.assertEqual(self.answer("retrieve", [broken, one, blocks, event, one]), PAIR)
                self.assertEqual(self.answer("retrieve", [key, one, broken, event, one]), PAIR)
                self.assertIn(self.answer("prepare_store", [broken, one])["context"],
                              (NOTHING, {}))
                self.assertEqual(self.answer("prepare_retrieve", [broken, one]), MISS)
                self.assertIs(self.answer("commit_store", [broken, one, event]), False)
                self.assertIs(self.answer("commit_retrieve", [broken, one]), True)
                self.assertIsNone(self.answer("lookup", [broken, one]))
                self.assertIsNone(self.answer("free_lookup_locks", [broken, one]))
                self.assertIsNone(self.answer("end_session", [broken]))
                self.assertEqual(self.answer("query_prefetch_status", [broken]), 0)
                self.assertEqual(self.answer("wait_prefetch_status", [broken, one]), 0)
                self.assertIs(self.answer("ping", [broken]), True)
                self.assertIsNone(
                    self.answer("report_block_allocation", [one, pack("m"), broken]))

    @ours_only
    def test_registrations_that_do_not_decode_are_refused_with_a_text(self):
        one = pack(1)
        for name, broken in BROKEN.items():
            with self.subTest(name):
                for op, frames in (
                        ("register_kv_cache_engine_driven_context", [broken]),
                        ("register_kv_cache", [one, broken, pack("m"), one, pack("vllm"),
                                               pack({}), pack([])]),
                        ("register_kv_cache", [one, pack([]), pack("m"), one, pack("vllm"),
                                               broken, pack([])])):
                    with self.assertRaisesRegex(Refused, f"^{op} refused: .+"):
                        self.answer(op, frames)

    @ours_only
    def test_fields_that_are_missing_mistyped_or_out_of_range(self):
        key = self.key(self.tokens(1))
        one = pack(self.pool_worker.instance)
        bad = [{k: v for k, v in key.items() if k != gone} for gone in
               ("model_name", "world_size", "worker_id", "token_ids", "start", "end",
                "request_id")]
        for field, values in {
                "model_name": (1, None, b"m"), "world_size": ("1", 1.0, None, True),
                "worker_id": ("0", 0.0, False), "token_ids": ("abc", b"abc", [1.5], ["1"], None),
                "start": (None, "0", 0.5), "end": ([], {}), "request_id": (5, None, b"r"),
                "cache_salt": (5, b"s", None), "request_configs": (5, [1], "x"),
                "num_kv_readers": ("1", None, 1.0)}.items():
            bad += [{**key, field: value} for value in values]
        bad.append(list(key.values()))
        for wrong in bad:
            with self.subTest(wrong=str(wrong)[:150]):
                frames = [pack(wrong), one]
                self.assertEqual(self.answer("prepare_store", frames)["context"], NOTHING)
                self.assertEqual(self.answer("prepare_retrieve", frames), MISS)

    def test_unknown_fields_any_order_and_defaults_are_accepted(self):
        key = self.key(self.tokens(2))
        shuffled = dict(reversed(list(key.items())))
        minimal = {k: v for k, v in key.items()
                   if k not in ("cache_salt", "request_configs", "num_kv_readers")}
        for form in (shuffled, {"zzz": {"a": [1, {"b": None}]}, **key}, minimal):
            instance = self.pool_worker.instance
            context = self.client.prepare_store(form, instance)
            self.assertEqual(len(context["slots"]), 2)
            self.assertIs(self.client.commit_store(form, instance), True)
            self.client.clear(True)

    def test_long_forms_of_lengths_and_integers_are_accepted(self):
        tokens = self.tokens(1)
        key = self.key(tokens)
        long_tokens = b"\xdd" + len(tokens).to_bytes(4, "big") + b"".join(
            b"\xd3" + t.to_bytes(8, "big") for t in tokens)
        parts = [b"\xdf\x00\x00\x00\x0a"]
        for name, value in key.items():
            parts.append(b"\xda" + len(name).to_bytes(2, "big") + name.encode())
            parts.append(long_tokens if name == "token_ids" else pack(value))
        value = self.answer("prepare_store", [b"".join(parts), pack(self.pool_worker.instance)])
        self.assertEqual(len(value["context"]["slots"]), 1)

    def test_plain_scalars_are_coerced(self):
        self.assertIsNone(self.answer("unregister_kv_cache", [pack("123")]))
        self.assertIsNone(self.answer("unregister_kv_cache", [pack(12.9)]))
        self.assertIsNone(self.answer("clear", [pack(None)]))
        self.assertIsNone(self.answer("clear", [pack(0)]))

    @ours_only
    def test_a_wrong_number_of_payloads_is_answered(self):
        key, one = pack(self.key(self.tokens(1))), pack(1)
        refusals = {"store": PAIR, "retrieve": PAIR, "prepare_retrieve": MISS,
                    "commit_store": False, "commit_retrieve": True, "lookup": None,
                    "query_prefetch_status": 0, "free_lookup_locks": None, "end_session": None,
                    "ping": True, "clear": None, "noop": "OK", "get_chunk_size": self.chunk}
        for name, refusal in refusals.items():
            for frames in ([], [key], [key] * 9, [one] * 2):
                if name in ("noop", "get_chunk_size") and not frames:
                    continue
                with self.subTest(name, frames=len(frames)):
                    self.assertEqual(self.answer(name, frames), refusal)
        with self.assertRaises(Refused):
            self.answer("register_kv_cache", [])
        with self.assertRaises(Refused):
            self.answer("register_kv_cache_engine_driven_context", [])

    @ours_only
    def test_operations_that_mean_nothing_are_dropped_or_nulled(self):
        for n, op in enumerate((pack(0), pack(11), pack(34), pack(255), pack(2**63), pack(-1),
                                pack("nonsense"), pack(""), pack(None), pack(1.5), pack(b"ping"),
                                pack([22]), pack({"a": 1}), b"\xc1", b"\xd9\xffshort", b"\x16\x16",
                                b"x" * 100_000, pack("x" * 100_000), pack("ping\0"))):
            with self.subTest(op=op[:20]):
                self.silent_or_null(pack(70_000 + n), op, pack(None))

    @ours_only
    def test_messages_of_one_frame_and_of_a_thousand(self):
        for frames in ([b""], [b"\x00"], [b"x" * 100_000], [b"\xcd\xff\xff"]):
            for _ in range(20):
                self.client.send_raw(*frames)
            self.assertEqual(self.client.noop(), "OK")
        self.silent_or_null(*([b"\xcd\xff\xfe"] + [b""] * 999))
        client = self.connect()
        uid = client.submit_encoded(operation("store"), [b"\xc0"] * 1000)
        self.assertEqual(client.wait(uid), PAIR)

    @ours_only
    def test_sizes_meant_to_hurt(self):
        key = self.key([1] * 2_000_000)
        self.assertEqual(self.client.hits(key), 0)
        self.assertIs(self.second.ping(timeout_s=5), True)
        client = self.connect()
        client.send_raw(b"\x00", operation("noop"), bytes(64 << 20))
        client.send_raw(b"\x01", bytes(64 << 20))
        client.send_raw(bytes(64 << 20), operation("ping"), b"\xc0")
        self.assertIs(self.second.ping(timeout_s=5), True)
        context = engine_driven_context(9, self.model, layers=2**31, hidden=2**31)
        with self.assertRaises(Refused):
            self.client.register_engine_driven(context)
        growth = self.server.resident_bytes(private=True)
        self.assertLess(growth, 1 << 30)
        client.unexpected.clear()


@ours_only
class Mutations(WireCase):
    """Valid messages with random damage: at most one reply each, and the daemon lives."""

    ROUNDS = 1500

    def messages(self):
        worker, tokens = self.worker(), self.tokens(3)
        key = pack(self.key(tokens))
        one, context = pack(worker.instance), pack(worker.context)
        event, blocks = pack(b"e"), pack([[1, 2, 3, 4]])
        handle = pack([])
        return [("store", [key, one, blocks, event]),
                ("retrieve", [key, one, blocks, event, pack(3)]),
                ("lookup", [key, pack(1)]), ("prepare_store", [key, one]),
                ("commit_store", [key, one, event]), ("prepare_retrieve", [key, one]),
                ("commit_retrieve", [key, one]), ("free_lookup_locks", [key, one]),
                ("register_kv_cache_engine_driven_context", [context]),
                ("register_kv_cache", [one, handle, pack("m"), pack(1), pack("vllm"),
                                       pack({"kv_layout": "NHD"}), pack([])]),
                ("report_block_allocation", [one, pack("m"), pack(
                    [{"req_id": "r", "new_block_ids": [1], "new_token_ids": [1, 2]}])])]

    @staticmethod
    def damage(source: random.Random, frames: list[bytes]) -> list[bytes]:
        frames = list(frames)
        for _ in range(source.randint(1, 3)):
            n = source.randrange(len(frames))
            frame = bytearray(frames[n])
            kind = source.randrange(5)
            at = source.randrange(len(frame)) if frame else 0
            if kind == 0 and frame:
                frame[at] ^= 1 << source.randrange(8)
            elif kind == 1:
                frame = frame[:at]
            elif kind == 2:
                frame[at:at] = source.randbytes(source.randint(1, 8))
            elif kind == 3 and frame:
                frame[at] = source.choice((0xC0, 0xC1, 0xDD, 0xDF, 0xDB, 0xC6, 0xC9, 0xFF, 0x00))
            else:
                frames.insert(n, bytes(frame))
                continue
            frames[n] = bytes(frame)
        return frames

    def test_every_damaged_message_gets_one_reply(self):
        source = random.Random(20240517)
        messages, second = self.messages(), self.connect()
        for start in range(0, self.ROUNDS, 100):
            uids = []
            for _ in range(100):
                name, frames = source.choice(messages)
                uids.append(self.client.submit_encoded(operation(name),
                                                       self.damage(source, frames)))
            self.assertIs(second.ping(timeout_s=5), True)
            for uid in uids:
                self.client.wait_reply(uid)
        for request in ("", "r"):
            self.client.end_session(request)

    def test_noise_in_all_frames_is_survived(self):
        source = random.Random(7)
        noisy, second = self.connect(), self.connect()
        for n in range(self.ROUNDS):
            noisy.send_raw(*(source.randbytes(source.choice((0, 1, 2, 9, 60)))
                             for _ in range(source.randint(1, 6))))
            if n % 100 == 0:
                self.assertIs(second.ping(timeout_s=5), True)
        self.assertIs(second.ping(timeout_s=5), True)
        while noisy.receive(0.2):
            pass
        noisy.unexpected.clear()
