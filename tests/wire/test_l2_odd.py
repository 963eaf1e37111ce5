"""Stores that are used by others, half forbidden, or named in strange ways."""

from __future__ import annotations

import json
import os
import subprocess

from .harness import BINARY, CHUNK, WireCase, eventually, ours_only
from .test_l2_damage import ValuesCase
from .test_l2_stores import StoreCase


class RedisCase(ValuesCase):
    def stored(self, worker, tokens: list[int], tag: int = 3) -> None:
        worker.store(self.key(tokens), tag)

        def copied():
            return self.adapter_status()["stored_objects"] == len(tokens) // CHUNK
        eventually(copied, 10)

    def hits(self, tokens: list[int]) -> int:
        lookup = self.key(tokens, worker=None)
        found = self.client.hits(lookup)
        self.client.end_session(lookup["request_id"])
        return found


@ours_only
class OddRedis(RedisCase):
    def test_what_an_earlier_run_stored_can_be_deleted(self):
        worker, tokens = self.start(self.adapter()), self.tokens(4)
        try:
            self.stored(worker, tokens)
            keys = json.loads(self.server.http("GET", "/cache/objects")[1])["entries"]
        finally:
            self.end()
        self.start(self.adapter())
        try:
            self.assertEqual(len(self.names()), 4)
            wanted = {"keys": [entry["key"] for entry in keys]
                      + [{**keys[0]["key"], "chunk_hash_hex": "ab" * 32}]}
            code, answer = self.server.http("DELETE", "/cache/objects", wanted)
            self.assertEqual((code, json.loads(answer)),
                             (200, {"deleted": 4, "skipped": 0, "ok": True}))
            self.assertEqual(self.names(), [])
            self.assertEqual(self.adapter_status()["total_bytes_used"], 0)
        finally:
            self.end()

    def test_a_user_who_may_not_ask_for_lengths_is_served(self):
        self.ask("acl", "setuser", "engine", "on", ">pw", "~*", "+get", "+set", "+del", "+exists",
                 "+auth", "+ping")
        adapter = self.adapter(username="engine", password="pw")
        worker, tokens = self.start(adapter), self.tokens(4)
        try:
            self.stored(worker, tokens)
        finally:
            self.end()
        worker = self.start(adapter)
        try:
            self.check_served(worker, tokens, 3)
        finally:
            self.end()

    def test_lists_under_our_names_are_misses_and_do_not_stop_the_store(self):
        worker, tokens = self.start(self.adapter()), self.tokens(4)
        try:
            self.stored(worker, tokens)
            for name in self.names():
                self.ask("del", name)
                self.ask("rpush", name, "x")
            for _ in range(5):
                self.client.clear(True)
                self.assertEqual(self.hits(tokens), 0)
            self.assertTrue(self.adapter_status()["is_healthy"])
            self.assertEqual(self.adapter_status()["breaker_opened"], 0)
            worker.store(self.key(tokens), 3)

            def copied():
                return self.adapter_status()["stored_objects"] == 8
            eventually(copied, 10)
            self.client.clear(True)
            self.check_served(worker, tokens, 3)
        finally:
            self.end()

    def test_a_full_server_still_serves_and_takes_objects_again(self):
        self.ask("config", "set", "maxmemory", "1", "maxmemory-policy", "noeviction")
        worker, tokens = self.start(self.adapter()), self.tokens(4)
        try:
            worker.store(self.key(tokens), 3)

            def full():
                return self.adapter_status()["state"] == "degraded"
            eventually(full, 10)
            self.assertEqual(self.adapter_status()["breaker_opened"], 0)
            self.ask("config", "set", "maxmemory", "0")
            more = self.tokens(4, 7)
            worker.store(self.key(more), 4)

            def copied():
                return self.adapter_status()["stored_objects"] >= 4
            eventually(copied, 10)
            self.client.clear(True)
            self.check_served(worker, more, 4)
        finally:
            self.end()

    def test_a_daemon_that_has_its_store_alone_does_not_ask_for_what_it_does_not_know(self):
        cpp = {"exclusive": True, "scan_at_start": True}
        worker, tokens = self.start(self.adapter(cpp=cpp)), self.tokens(4)
        try:
            self.stored(worker, tokens)

            def commands():
                text = self.ask("info", "commandstats").decode()
                return [line for line in text.split() if line.startswith("cmdstat_strlen")]

            def listed():
                return not self.adapter_status()["scanning"]
            eventually(listed)
            before = commands()
            self.client.clear(True)
            self.assertEqual(self.hits(self.tokens(3, 5)), 0)
            self.assertEqual(commands(), before)
            self.check_served(worker, tokens, 3)
        finally:
            self.end()
        worker = self.start(self.adapter(cpp=cpp))
        try:
            eventually(listed)
            self.check_served(worker, tokens, 3)
        finally:
            self.end()


@ours_only
class OddFolders(StoreCase):
    def adapter(self, **more) -> dict:
        return {"type": "fs", "base_path": os.path.join(self.folder, "kv"), **more}

    def files(self) -> list[str]:
        folder = os.path.join(self.folder, "kv")
        return [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".data")]

    def test_one_link_in_the_place_of_a_file_does_not_stop_the_store(self):
        worker, tokens = self.start(self.adapter()), self.tokens(4)
        try:
            worker.store(self.key(tokens), 3)

            def copied():
                return self.adapter_status()["stored_objects"] == 4
            eventually(copied, 10)
            for path in self.files():
                os.rename(path, path + ".kept")
                os.symlink(path + ".kept", path)
            for _ in range(5):
                self.client.clear(True)
                lookup = self.key(tokens, worker=None)
                self.assertEqual(self.client.hits(lookup), 0)
                self.client.end_session(lookup["request_id"])
            self.assertEqual(self.adapter_status()["breaker_opened"], 0)
            worker.store(self.key(tokens), 3)

            def again():
                return self.adapter_status()["stored_objects"] == 8
            eventually(again, 10)
            self.client.clear(True)
            self.check_served(worker, tokens, 3)
        finally:
            self.end()

    def test_models_with_odd_names_come_back_after_a_restart(self):
        for model in ("a/b-SEP-c", "mit Leerzeichen/ü-日本", "...", "-rf", "%2F%40", "x" * 150):
            with self.subTest(model=model):
                self.model = model
                self.chain(self.adapter())


class RefusalCase(WireCase):
    @classmethod
    def setUpClass(cls) -> None:
        pass

    def setUp(self) -> None:
        pass

    def tearDown(self) -> None:
        pass

    def refused(self, *adapters: object) -> str:
        flags = []
        for each in adapters:
            flags += ["--l2-adapter", each if isinstance(each, str) else json.dumps(each)]
        pool = f"lmcache_l1_pool_refused_{os.getpid()}"
        daemon = subprocess.Popen(
            [BINARY, "server", "--port", "0", "--http-port", "0", "--prometheus-port", "0",
             "--l1-size-gb", "0.1", "--eviction-policy", "LRU",
             "--shm-name", pool, *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        text = daemon.communicate(timeout=30)[0]
        self.assertGreater(daemon.returncode, 0, text)
        self.assertEqual([n for n in os.listdir("/dev/shm") if pool in n], [])
        return text


@ours_only
class Refusals(RefusalCase):
    S3 = {"type": "s3", "s3_endpoint": "b.127.0.0.1:1", "s3_region": "r", "disable_tls": True,
          "aws_access_key_id": "i", "aws_secret_access_key": "sssecret",
          "cpp": {"path_style": True, "max_retries": 0, "lookup_timeout_ms": 3000}}

    def test_each_wrong_value_is_named_with_what_it_should_be(self):
        fs = {"type": "fs", "base_path": "/tmp/actord-refused"}
        redis = {"type": "resp", "host": "127.0.0.1", "port": 1}
        for adapter, words in (
                ({**fs, "base_path": 7}, ["base_path", "string"]),
                ({**fs, "base_path": ""}, ["base_path", "non-empty"]),
                ({**fs, "use_odirect": 1}, ["use_odirect", "true or false"]),
                ({**fs, "cpp": {"no_such": 1}}, ["cpp.no_such"]),
                ({**fs, "cpp": []}, ["cpp"]),
                ({**fs, "cpp": {"max_capacity_gb": "9"}}, ["max_capacity_gb", "number"]),
                ({**fs, "eviction": {"eviction_policy": "lru"}}, ["eviction_policy", "LRU"]),
                ({**fs, "serde": {"type": "aesgcm", "aes_bits": 192, "master_key_path": "/x"}},
                 ["aes_bits", "128 or 256"]),
                ({**fs, "serde": {"type": "aesgcm", "aes_bits": 256,
                                  "master_key_path": "/nowhere/key"}}, ["/nowhere/key"]),
                ({**fs, "base_path": "/proc/x"}, ["base_path", "/proc/x"]),
                ({**redis, "cpp": {"exclusive": True}}, ["cpp.exclusive", "scan_at_start"]),
                ({**redis, "port": "6379"}, ["port", "whole number"]),
                ({**redis, "port": 65536}, ["port", "65535"]),
                (redis, ["127.0.0.1:1", "\"port\""]),
                ({**redis, "host": "no.such.host.invalid"}, ["no.such.host.invalid"]),
                (self.S3, ["bucket 'b'", "unreachable"]),
                ({**self.S3, "aws_secret_access_key": None}, ["aws_secret_access_key"]),
                ({"type": "raw_block", "device_path": "/nowhere", "slot_bytes": 1 << 20},
                 ["device_path", "/nowhere"]),
                ({"type": "raw_block", "device_path": "/dev/null", "slot_bytes": 1 << 20},
                 ["device_path", "/dev/null"]),
                ({"type": "raw_block", "device_path": "/x", "slot_bytes": 1000}, ["slot_bytes"]),
                ("{", ["JSON"]), ("[]", ["object"]), ({"type": "nope"}, ["nope", "fs"]),
                ({"type": 3}, ["type"])):
            with self.subTest(adapter=adapter):
                text = self.refused(adapter)
                for word in ["--l2-adapter #1", *words]:
                    self.assertIn(word, text)
                self.assertNotIn("sssecret", text)

    def test_a_good_adapter_before_a_bad_one_is_not_left_half_started(self):
        text = self.refused({"type": "fs", "base_path": "/tmp/actord-refused"},
                            {"type": "resp", "host": "127.0.0.1", "port": 1})
        self.assertIn("--l2-adapter #2", text)
        self.assertNotIn("serves", text)
