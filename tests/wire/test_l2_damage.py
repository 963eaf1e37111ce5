"""Objects that are damaged behind the daemon's back: torn, cut off, flipped, exchanged, oversized.

None of it is ever served, what is whole still is, and what was damaged can be stored again."""

from __future__ import annotations

import base64
import os
import subprocess



from s3.harness import KEY_ID, SECRET, Moto

from .harness import CHUNK, PoolWorker, WireCase, eventually, ours_only
from .server import free_ports
from .test_l2_stores import StoreCase

CHUNKS = 6
DAMAGED = 3  # the chunks before it stay whole


class Damage:
    """Each takes the bytes of two objects of one length, and makes the first one's anew."""

    @staticmethod
    def flipped(one: bytes, _other: bytes) -> bytes:
        at = len(one) // 2
        return one[:at] + bytes([one[at] ^ 0x10]) + one[at + 1:]

    @staticmethod
    def flipped_at_the_end(one: bytes, _other: bytes) -> bytes:
        return one[:-1] + bytes([one[-1] ^ 1])

    @staticmethod
    def torn(one: bytes, _other: bytes) -> bytes:
        return one[:len(one) // 2] + bytes(len(one) - len(one) // 2)

    @staticmethod
    def exchanged(_one: bytes, other: bytes) -> bytes:
        return other

    @staticmethod
    def cut_off(one: bytes, _other: bytes) -> bytes:
        return one[:-1]

    @staticmethod
    def empty(_one: bytes, _other: bytes) -> bytes:
        return b""

    @staticmethod
    def longer_by_a_byte(one: bytes, _other: bytes) -> bytes:
        return one + b"x"

    @staticmethod
    def oversized(one: bytes, other: bytes) -> bytes:
        return one + other * 3


SAME_LENGTH = ["flipped", "flipped_at_the_end", "torn", "exchanged"]
ALL = SAME_LENGTH + ["cut_off", "empty", "longer_by_a_byte", "oversized"]


class DamageCase(StoreCase):
    """A kind of store says which objects it holds, and changes them."""

    def renew(self) -> None:
        """Before each damage."""

    def names(self) -> list[str]:
        raise NotImplementedError

    def read(self, name: str) -> bytes:
        raise NotImplementedError

    def write(self, name: str, data: bytes) -> None:
        raise NotImplementedError

    def served(self, worker: PoolWorker, tokens: list[int]) -> list[bytes]:
        """What is served of the prompt, chunk by chunk."""
        lookup = self.key(tokens, worker=None)
        hit = self.client.hits(lookup)
        got = []
        if hit:
            got = worker.retrieve(self.key(tokens[:hit * CHUNK], request=lookup["request_id"]))
        self.client.end_session(lookup["request_id"])
        return got

    def stored_one_by_one(self, worker: PoolWorker, tokens: list[int], tag: int) -> list[str]:
        """The names of its chunks, in their order."""
        names: list[str] = []
        for n in range(1, CHUNKS + 1):
            worker.store(self.key(tokens[:n * CHUNK]), tag)
            new = eventually(lambda: set(self.names()) - set(names) - self.before)
            names += new
        self.assertEqual(len(names), CHUNKS)
        return names

    def damage(self, adapter: dict, kinds: list[str]) -> None:
        self.before: set[str] = set()
        for number, kind in enumerate(kinds, 1):
            for restart in (False, True):
                with self.subTest(damage=kind, restart=restart):
                    self.damage_one(adapter, kind, 2 * number + restart, restart)

    def start(self, adapter: dict, *flags: str) -> PoolWorker:
        """Its worker's contents are numbers that 8-bit floats have too."""
        worker = super().start(adapter, *flags)
        plain = worker.content
        worker.content = lambda tag, chunk: bytes(
            part for digit in plain(tag, chunk)[::2] for part in (0, 0x30 + (digit & 15)))
        return worker

    def damage_one(self, adapter: dict, kind: str, seed: int, restart: bool) -> None:
        self.renew()
        tokens = self.tokens(CHUNKS, seed)
        self.before = set(self.names())
        worker = self.start(adapter)
        try:
            names = self.stored_one_by_one(worker, tokens, seed)
            self.check(worker, tokens, seed, CHUNKS)
            if restart:
                self.end()
            one, other = names[DAMAGED], names[0]
            before = self.read(one)
            after = getattr(Damage, kind)(before, self.read(other))
            self.assertTrue(before != after)
            self.write(one, after)
            if restart:
                worker = self.start(adapter)
            for _ in range(2):
                # The Python server pads its files: a little too long is no damage.
                self.check(worker, tokens, seed, DAMAGED, *self.padded(kind))
            if kind in SAME_LENGTH:
                status = self.adapter_status()
                found_at_start = int(status.get("dropped_at_start", 0))
                self.assertEqual(status["corrupt_objects"] + found_at_start, 1)
            stores = self.adapter_status()["stores"]
            worker.store(self.key(tokens), seed)
            self.let_it_copy(stores)
            self.check(worker, tokens, seed, CHUNKS)
        finally:
            self.end()

    def let_it_copy(self, stores: int) -> None:
        """What engines have stored is in the store now, where `stores` tasks had been before."""

        def copied():
            return self.adapter_status()["stores"] > stores
        eventually(copied)

        def idle():
            state = self.server.status()["storage_manager"]["store_controller"]
            return state["pending_keys_count"] + state["in_flight_task_count"] == 0
        eventually(idle)

    def padded(self, kind: str) -> list[int]:
        """How many chunks may be served, too, of an object that is as long as `kind` made it."""
        return []

    def check(self, worker: PoolWorker, tokens: list[int], seed: int, *chunks: int) -> None:
        """So many chunks, or so many, are served from the store, each with its bytes."""
        self.client.clear(True)
        got = self.served(worker, tokens)
        wrong = [n for n, data in enumerate(got) if data != worker.content(seed, n)]
        self.assertEqual((len(got), wrong), (min(chunks, key=lambda c: abs(c - len(got))), []))


class FolderCase(DamageCase):
    def padded(self, kind: str) -> list[int]:
        return [CHUNKS] if kind == "longer_by_a_byte" else []

    def folder_names(self) -> str:
        return os.path.join(self.folder, "kv")

    def names(self) -> list[str]:
        try:
            return [n for n in os.listdir(self.folder_names()) if n.endswith(".data")]
        except FileNotFoundError:
            return []

    def read(self, name: str) -> bytes:
        with open(os.path.join(self.folder_names(), name), "rb") as file:
            return file.read()

    def write(self, name: str, data: bytes) -> None:
        with open(os.path.join(self.folder_names(), name), "r+b") as file:
            file.truncate(len(data))
            file.write(data)

    def fs(self, **more) -> dict:
        return {"type": "fs", "base_path": self.folder_names(), **more}

    def key_file(self) -> str:
        path = os.path.join(self.folder, "master.key")
        with open(path, "wb") as file:
            file.write(base64.b64decode("c2VjcmV0IG1hdGVyaWFsIG9mIDMyIGJ5dGVzLi4uLi4="))
        return path

    def aesgcm(self) -> dict:
        return {"type": "aesgcm", "aes_bits": 256, "master_key_path": self.key_file()}


@ours_only
class DamagedFiles(FolderCase):
    def test_files(self):
        self.damage(self.fs(), ALL)

    def test_files_past_the_page_cache(self):
        self.damage(self.fs(use_odirect=True), ALL)

    def test_encrypted_files(self):
        self.damage(self.fs(serde=self.aesgcm()), ALL)

    def test_encrypted_files_without_checksums(self):
        self.damage(self.fs(serde=self.aesgcm(), cpp={"verify_checksums": False,
                                                      "bind_identity": True}), ALL)

    def test_files_of_8_bit_floats(self):
        self.damage(self.fs(serde={"type": "fp8"}), ALL)


@ours_only
class DamagedDevices(DamageCase):
    """Slots that are written over while nobody looks: what lies in a slot has no other length."""

    SLOTS, SLOT, META = 24, 1 << 20, 4 << 20

    def setUp(self) -> None:
        super().setUp()
        self.path = os.path.join(self.folder, "device.img")

    def renew(self) -> None:
        with open(self.path, "wb") as file:
            file.truncate(self.META + self.SLOTS * self.SLOT)

    def slots(self) -> list[int]:
        with open(self.path, "rb") as file:
            held = []
            for slot in range(self.SLOTS):
                file.seek(self.META + slot * self.SLOT)
                if file.read(8) == b"LMCBLK01":
                    held.append(slot)
            return held

    def names(self) -> list[str]:
        return [str(slot) for slot in self.slots()]

    def read(self, name: str) -> bytes:
        """Header and object: exchanged slots have both."""
        with open(self.path, "rb") as file:
            file.seek(self.META + int(name) * self.SLOT)
            head = file.read(24)
            return head + file.read(4096 - 24 + int.from_bytes(head[16:24], "little"))

    def write(self, name: str, data: bytes) -> None:
        with open(self.path, "r+b") as file:
            file.seek(self.META + int(name) * self.SLOT)
            file.write(data)

    def adapter(self, **more) -> dict:
        return {"type": "raw_block", "device_path": self.path, "slot_bytes": self.SLOT,
                "meta_total_bytes": self.META, **more}

    def test_slots(self):
        self.damage(self.adapter(), SAME_LENGTH)

    def test_encrypted_slots(self):
        key = os.path.join(self.folder, "master.key")
        with open(key, "wb") as file:
            file.write(b"secret material of 32 bytes.....")
        self.damage(self.adapter(serde={"type": "aesgcm", "aes_bits": 128,
                                        "master_key_path": key}), SAME_LENGTH)


class ValuesCase(DamageCase):
    """Over a Redis of its own."""

    def setUp(self) -> None:
        super().setUp()
        (self.port,) = free_ports(1)
        self.redis = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", self.folder], stdout=subprocess.DEVNULL)
        self.addCleanup(self.stop_redis)

        def up():
            return self.ask("ping") == b"PONG\n"
        eventually(up, 10)

    def stop_redis(self) -> None:
        self.redis.kill()
        self.redis.wait()

    def ask(self, *words: str, given: bytes | None = None) -> bytes:
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], input=given,
                              capture_output=True).stdout

    def names(self) -> list[str]:
        return self.ask("keys", "*").decode().split()

    def read(self, name: str) -> bytes:
        return self.ask("get", name)[:-1]

    def write(self, name: str, data: bytes) -> None:
        self.assertEqual(self.ask("-x", "set", name, given=data), b"OK\n")

    def adapter(self, **more) -> dict:
        return {"type": "resp", "host": "127.0.0.1", "port": self.port, **more}


@ours_only
class DamagedValues(ValuesCase):
    def test_values(self):
        self.damage(self.adapter(cpp={"checksums": True}), ALL)

    def test_values_of_8_bit_floats(self):
        self.damage(self.adapter(serde={"type": "fp8"}, cpp={"checksums": True}), ALL)

    def test_encrypted_values(self):
        key = os.path.join(self.folder, "master.key")
        with open(key, "wb") as file:
            file.write(b"secret material of 32 bytes.....")
        self.damage(self.adapter(serde={"type": "aesgcm", "aes_bits": 128,
                                        "master_key_path": key},
                                 cpp={"bind_identity": True}), ALL)


@ours_only
class DamagedBuckets(DamageCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.moto = Moto()
        cls.addClassCleanup(cls.moto.stop)
        cls.bucket = cls.moto.client("s3")
        cls.bucket.create_bucket(Bucket="pool")

    def names(self) -> list[str]:
        return [each["Key"] for each in
                self.bucket.list_objects_v2(Bucket="pool").get("Contents", [])]

    def read(self, name: str) -> bytes:
        return self.bucket.get_object(Bucket="pool", Key=name)["Body"].read()

    def write(self, name: str, data: bytes) -> None:
        """As a disk of the server would do it: the object keeps what else is known of it, and one
        that takes another's place brings it along."""
        for other in self.names():
            if other != name and self.read(other) == data:
                self.bucket.copy_object(Bucket="pool", Key=name,
                                        CopySource={"Bucket": "pool", "Key": other})
                return
        kept = self.bucket.head_object(Bucket="pool", Key=name)["Metadata"]
        self.bucket.put_object(Bucket="pool", Key=name, Body=data, Metadata=kept)

    def adapter(self, **more) -> dict:
        cpp = {"path_style": True, **more.pop("cpp", {})}
        return {"type": "s3", "s3_endpoint": f"s3://pool.127.0.0.1:{self.moto.port}",
                "s3_region": "us-east-1", "disable_tls": True, "aws_access_key_id": KEY_ID,
                "aws_secret_access_key": SECRET, "cpp": cpp, **more}

    def test_objects(self):
        self.damage(self.adapter(), ALL)

    def test_objects_in_parts(self):
        self.hidden = 65536  # 8 MiB a chunk
        self.damage(self.adapter(cpp={"multipart_threshold_bytes": 5 << 20,
                                      "multipart_part_bytes": 5 << 20}), ["flipped_at_the_end"])
