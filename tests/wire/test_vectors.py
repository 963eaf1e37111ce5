"""This client writes the bytes the real client writes, so what passes here passes there."""

import json
import os
import unittest

from . import pickles
from .client import EVENT_HANDLE
from .paged import Group
from .protocol import (OPERATION_IDS, cache_key, cpu_shm, descriptor, engine_driven_context,
                       group_info, operation, pack)

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


class Vectors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(DATA, "wire.json"), encoding="utf-8") as file:
            cls.vectors = {v["name"]: v for v in json.load(file)["vectors"]}

    def wire(self, name: str) -> str:
        return self.vectors[name]["hex"]

    def test_operations(self):
        for name in OPERATION_IDS:
            self.assertEqual(operation(name).hex(), self.wire(f"op_{name}"))
        self.assertEqual(pack("subscribe_kv_events").hex(), self.wire("op_subscribe_kv_events"))

    def test_uids(self):
        for uid in (0, 127, 128, 255, 256, 65535, 65536, 4294967296):
            self.assertEqual(pack(uid).hex(), self.wire(f"request_uid_{uid}"))

    def test_keys(self):
        tokens = [1, 2, 3, 4, 300, 70000]
        lookup = cache_key(tokens, model="org/model-x", world=2, worker=None, end=4,
                           request="req-1")
        self.assertEqual(pack(lookup).hex(), self.wire("key_lookup"))
        salted = {**lookup, "worker_id": 1, "cache_salt": "tenant-1", "num_kv_readers": 2,
                  "request_configs": {"lmcache.tag": "a", "lmcache.max_offload_tokens": 512}}
        self.assertEqual(pack(salted).hex(), self.wire("key_worker_salted"))
        frames = [b"\x03", operation("retrieve"), pack(salted), pack(501), pack([[1, 2]]),
                  pack(EVENT_HANDLE), pack(16)]
        self.assertEqual([f.hex() for f in frames],
                         self.vectors["frames_request_retrieve"]["frames_hex"])

    def test_registrations(self):
        group = Group(1, "kv_first_hnd", heads=2, head_size=4, blocks=16)
        body = cpu_shm("/lmcache_kv_4242_0", 2048, group.dtype, group.shape, group.strides)
        self.assertEqual(pack([descriptor(body)]).hex(), self.wire("kv_cache_list_cpu_shm"))
        self.assertEqual(pack([group_info(0, [0, 2], 16), group_info(1, [1, 3], 32, 512)]).hex(),
                         self.wire("engine_group_infos"))
        context = engine_driven_context(4611686018427387909, "org/model-x", block_size=16,
                                        layers=32, hidden=1024, dtype="bfloat16", slots=256)
        self.assertEqual(pack(context).hex(), self.wire("register_engine_driven"))

    def test_the_reader_of_pickles_reads_the_real_ones(self):
        for name, vector in self.vectors.items():
            if not name.startswith("pickle_"):
                continue
            with self.subTest(name):
                found = pickles.load(bytes.fromhex(vector["hex"]))
                self.assertEqual(
                    [{"shape": list(t.shape), "dtype": t.dtype, "data_hex": t.data.hex()}
                     for t in found], vector["decoded"])

    def test_pickles_come_back_as_they_were_written(self):
        tensors = [pickles.Tensor((2, 1, 2, 2), "float16", bytes(range(16))),
                   pickles.Tensor((300,), "uint8", b"x" * 300)]
        self.assertEqual(pickles.load(pickles.dump(tensors)), tensors)
