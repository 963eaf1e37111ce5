"""Workers that cannot map the pool send their chunks as pickles; anything else is refused."""

import os
import pickle
import struct
import tempfile

from . import pickles
from .harness import WireCase, ours_only
from .pickles import Tensor, storage_file, tensor_opcodes


@ours_only
class PickleMode(WireCase):
    SHAPE = (2, 2, 16, 8)

    def tensors(self, count: int = 2, tag: int = 0, **fields) -> list[Tensor]:
        size = 2 * 2 * 16 * 8 * 2
        return [Tensor(self.SHAPE, "float16", bytes((tag + 7 * c + i) % 251 for i in range(size)),
                       **fields) for c in range(count)]

    def commit(self, data: bytes, chunks: int = 2):
        """One pickle-mode store by a fresh worker; returns worker, key and the answer."""
        worker, key = self.worker(), self.key(self.tokens(chunks))
        self.client.prepare_store(key, worker.instance)  # its slots mean nothing to this worker
        return worker, key, self.client.commit_store(key, worker.instance, data)

    def hits(self, chunks: int = 2) -> int:
        return self.client.hits(self.key(self.tokens(chunks), worker=None))

    def retrieve(self, worker, chunks: int = 2) -> dict:
        lookup = self.key(self.tokens(chunks), worker=None)
        self.assertEqual(self.client.hits(lookup), chunks)
        key = self.key(self.tokens(chunks), request=lookup["request_id"])
        answer = self.client.prepare_retrieve(key, worker.instance)
        self.assertIs(self.client.commit_retrieve(key, worker.instance), True)
        return answer

    def test_chunks_sent_as_a_pickle_come_back_as_a_pickle(self):
        tensors = self.tensors()
        worker, _, answer = self.commit(pickles.dump(tensors))
        self.assertIs(answer, True)
        found = self.retrieve(worker)
        self.assertIs(found["success"], True)
        self.assertEqual(pickles.load(found["data"]), tensors)
        self.assertNoLeases()

    def test_its_chunks_are_the_same_objects_as_everybodys(self):
        tensors = self.tensors()
        self.commit(pickles.dump(tensors))
        lookup = self.key(self.tokens(2), worker=None)
        self.client.hits(lookup)
        found = self.worker().retrieve(self.key(self.tokens(2), request=lookup["request_id"]))
        self.assertEqual(found, [t.data for t in tensors])

    def test_storage_offsets_and_the_long_forms_are_understood(self):
        lead = b"\xaa\xaa" * 5
        parts = []
        for t in self.tensors():
            shifted = Tensor(t.shape, t.dtype, lead + t.data, offset=5)
            parts.append(tensor_opcodes(shifted) + b"a")
        worker, _, answer = self.commit(b"\x80\x04]" + b"".join(parts) + b".")
        self.assertIs(answer, True)
        self.assertEqual(pickles.load(self.retrieve(worker)["data"]), self.tensors())

    def test_strided_tensors_keep_their_elements(self):
        tensor = self.tensors(1)[0]
        strides = [512, 256, 1, 16]  # slots innermost in memory
        items = [tensor.data[i:i + 2] for i in range(0, len(tensor.data), 2)]
        memory = [b""] * len(items)
        for i, item in enumerate(items):
            p, l, s, d = i // 256, i // 128 % 2, i // 8 % 16, i % 8
            memory[p * 256 + l * 128 + s + d * 16] = item
        strides = [256, 128, 1, 16]
        other = Tensor(tensor.shape, tensor.dtype, b"".join(memory))
        data = b"\x80\x04]" + tensor_opcodes(other, stride=strides) + b"a."
        worker, _, answer = self.commit(data, chunks=1)
        self.assertIs(answer, True)
        self.assertEqual(pickles.load(self.retrieve(worker, 1)["data"])[0].data, tensor.data)

    def test_a_store_that_needs_nothing_is_true(self):
        worker, key, _ = self.commit(pickles.dump(self.tensors()))
        self.client.prepare_store(key, worker.instance)
        self.assertIs(self.client.commit_store(key, worker.instance,
                                               pickles.dump(self.tensors(tag=50))), True)
        self.assertEqual(pickles.load(self.retrieve(worker)["data"]), self.tensors())

    def refused(self, data: bytes) -> None:
        _, _, answer = self.commit(data)
        self.assertIs(answer, False)
        self.assertEqual(self.hits(), 0)
        self.assertTrue(self.client.ping())

    def test_nothing_in_a_pickle_is_ever_run(self):
        mark = os.path.join(tempfile.mkdtemp(), "ran")

        class Command:
            def __reduce__(self):
                return os.system, (f"touch {mark}",)

        for protocol in range(6):
            with self.subTest(protocol=protocol):
                self.refused(pickle.dumps([Command(), Command()], protocol))
        self.refused(b"cos\nsystem\n(S'touch " + mark.encode() + b"'\ntR.")
        self.refused(b"\x80\x04](" + tensor_opcodes(self.tensors(1)[0], rebuild=("os", "system"))
                     + b"e.")
        self.assertFalse(os.path.exists(mark))

    def test_malformed_pickles_are_refused(self):
        good = pickles.dump(self.tensors())
        cases = {
            "noise": bytes(range(256)), "one byte": b".", "no stop": good[:-1],
            "cut in half": good[:len(good) // 2], "another object": pickle.dumps({"a": 1}),
            "a number": pickle.dumps(5), "strings": pickle.dumps(["a", "b"]),
            "trailing bytes": good + b"garbage", "empty": pickle.dumps([]),
            "too few": pickles.dump(self.tensors(1)), "too many": pickles.dump(self.tensors(3)),
            "deep": b"\x80\x04" + b"(" * 100000 + b"t" * 100000 + b".",
            "memo bomb": b"\x80\x04]" + b"r\xff\xff\xff\xff" + b"j\xff\xff\xff\xff" + b".",
            "large length": b"\x80\x04]B\xff\xff\xff\xff.",
            "larger length": b"\x80\x04]\x8e" + b"\xff" * 8 + b".",
        }
        for name, data in cases.items():
            with self.subTest(name):
                self.client.clear(True)
                self.model = f"{self.model}+"
                self.refused(data)
        self.assertNoLeases()

    def test_tensors_that_do_not_fit_are_refused(self):
        size = 2 * 2 * 16 * 8 * 2
        tensor = self.tensors(1)[0]
        of = lambda **kw: tensor_opcodes(tensor, **kw)  # noqa: E731
        cases = {
            "another shape": tensor_opcodes(Tensor((2, 2, 8, 16), "float16", b"x" * size)),
            "another dtype": tensor_opcodes(Tensor(self.SHAPE, "bfloat16", b"x" * size)),
            "short storage": of(file=storage_file("float16", tensor.data[:-2])),
            "lying count": of(file=storage_file("float16", tensor.data[:64], count=size // 2)),
            "huge count": of(file=storage_file("float16", b"", count=2**62)),
            "negative count": of(file=storage_file("float16", tensor.data, count=-1)),
            "beyond the storage": tensor_opcodes(Tensor(self.SHAPE, "float16", tensor.data, 1)),
            "negative offset": tensor_opcodes(Tensor(self.SHAPE, "float16", tensor.data, -1)),
            "huge stride": of(stride=[2**31 - 1] * 4), "negative stride": of(stride=[-1] * 4),
            "too few strides": of(stride=[8, 1]),
            "cut file": of(file=storage_file("float16", tensor.data)[:40]),
            "no file": of(file=b""),
        }
        for name, opcodes in cases.items():
            with self.subTest(name):
                self.client.clear(True)
                self.model = f"{self.model}+"
                self.refused(b"\x80\x04](" + opcodes + tensor_opcodes(tensor) + b"e.")
        self.assertNoLeases()

    def test_lengths_at_the_edge(self):
        for opcode, width in ((b"B", "<I"), (b"\x8e", "<Q"), (b"\x96", "<Q"), (b"X", "<I"),
                              (b"\x8d", "<Q"), (b"\x95", "<Q"), (b"\x8b", "<I")):
            for value in (2**31 - 1, 2**32 - 1):
                self.refused(b"\x80\x04]" + opcode + struct.pack(width, value) + b"abc.")
