"""What operators do with the stores behind L1: list, delete, warm, and see who uses how much."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import urllib.parse

from .client import Client
from .harness import BINARY, CHUNK, TIME_SCALE, PoolWorker, eventually, ours_only
from .server import Server
from .test_l2 import FilesCase


class OperatorCase(FilesCase):
    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        code, text = self.server.http(method, path, body)
        return code, json.loads(text)

    def listed(self, **query) -> list[dict]:
        """Every entry, however many pages it takes."""
        entries = []
        while True:
            code, page = self.ask("GET", "/cache/objects?" + urllib.parse.urlencode(query))
            self.assertEqual(code, 200, page)
            self.assertEqual(set(page), {"adapter", "shared", "entries", "next_page_token"})
            entries += page["entries"]
            if page["next_page_token"] is None:
                return entries
            query["page_token"] = page["next_page_token"]

    def warm(self, tokens: list[int], **fields) -> dict:
        code, answer = self.ask("POST", "/cache/prefetches",
                                {"model_name": self.model, "world_size": 1, "token_ids": tokens,
                                 **fields})
        self.assertEqual(code, 202, answer)
        return answer

    def result(self, request_id: str) -> dict:
        deadline = time.monotonic() + 10 * TIME_SCALE
        while time.monotonic() < deadline:
            code, answer = self.ask("GET", f"/cache/prefetches/{request_id}")
            self.assertEqual(code, 200, answer)
            if answer["status"] == "completed":
                return answer
            self.assertEqual(answer, {"request_id": request_id, "status": "pending"})
            time.sleep(0.01)
        self.fail("still pending")


@ours_only
class Objects(OperatorCase):
    def test_every_object_is_listed_once_page_by_page(self):
        self.stored(self.plain_worker(), self.tokens(7))
        for size in (1, 3, 7, 500):
            entries = self.listed(page_size=size)
            self.assertEqual(len({entry["key"]["chunk_hash_hex"] for entry in entries}), 7)
            self.assertEqual(len(entries), 7)
        key = entries[0]["key"]
        self.assertEqual(set(key), {"chunk_hash_hex", "model_name", "kv_rank", "object_group_id",
                                    "cache_salt"})
        self.assertEqual((key["model_name"], key["kv_rank"]), (self.model, 0x01000100))
        self.assertEqual(entries[0]["size_bytes"],
                         os.path.getsize(os.path.join(self.folder, self.files()[0])))
        self.assertEqual(len(self.listed(model_name=self.model, adapter="fs")), 7)
        self.assertEqual(self.listed(model_name="another"), [])

    def test_a_listing_that_cannot_be_says_why(self):
        self.assertEqual(self.ask("GET", "/cache/objects?adapter=nope"),
                         (404, {"detail": "no L2 adapter with type_name='nope'"}))
        code, answer = self.ask("GET", "/cache/objects?page_token=nonsense")
        self.assertEqual(code, 400)
        self.assertIn("page_token 'nonsense'", answer["detail"])
        self.assertEqual(self.ask("GET", "/cache/objects?tier=l1"),
                         (400, {"detail": "tier 'l1' not supported; only 'l2'"}))

    def test_deleting_from_l2_removes_files_and_leaves_l1(self):
        worker, tokens = self.plain_worker(), self.tokens(5)
        self.stored(worker, tokens)
        keys = [entry["key"] for entry in self.listed()]
        absent = {**keys[0], "chunk_hash_hex": "ab" * 32}
        code, answer = self.ask("DELETE", "/cache/objects", {"keys": keys[:2] + [absent]})
        self.assertEqual((code, answer), (200, {"deleted": 2, "skipped": 0, "ok": True}))
        self.assertEqual(len(self.files()), 3)
        self.assertEqual(len(self.listed()), 3)
        self.assertEqual(self.server.l1()["total_object_count"], 5)
        self.assertEqual(self.ask("DELETE", "/cache/objects", {"keys": keys[:2]})[1]["deleted"], 0)

    def test_deleting_from_all_tiers_leaves_nothing(self):
        worker, tokens = self.plain_worker(), self.tokens(4)
        self.stored(worker, tokens)
        keys = [entry["key"] for entry in self.listed()]
        code, answer = self.ask("DELETE", "/cache/objects", {"keys": keys, "tier": "all"})
        self.assertEqual((code, answer), (200, {"deleted": 8, "skipped": 0, "ok": True}))
        self.assertEqual((self.files(), self.server.l1()["total_object_count"]), ([], 0))
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)

    def test_a_wrong_adapter_deletes_nothing_anywhere(self):
        self.stored(self.plain_worker(), self.tokens(2))
        keys = [entry["key"] for entry in self.listed()]
        self.assertEqual(self.ask("DELETE", "/cache/objects",
                                  {"keys": keys, "tier": "all", "adapter": "s3"}),
                         (404, {"detail": "no L2 adapter with type_name='s3'"}))
        self.assertEqual((len(self.files()), self.server.l1()["total_object_count"]), (2, 2))

    def test_adapters_are_told(self):
        self.assertEqual(self.ask("GET", "/config/adapters"), (200, {"adapters": [
            {"index": 0, "type_name": "fs", "tier": "l2", "primary": True,
             "reconfigurable": False}]}))

    def test_usage_of_a_salt_is_what_the_adapters_hold(self):
        self.stored(self.plain_worker(), self.tokens(3))
        self.client.clear(True)
        code, answer = self.ask("GET", "/quota/_default")
        size = sum(entry["size_bytes"] for entry in self.listed())
        self.assertEqual(code, 200)
        self.assertAlmostEqual(answer["current_usage_gb"] * 2**30, size, delta=1)
        self.ask("PUT", "/quota/_default", {"limit_gb": 1})
        users = self.ask("GET", "/quota")[1]["users"]
        self.assertAlmostEqual(users["_default"]["current_usage_gb"] * 2**30, size, delta=1)


@ours_only
class TwoStores(OperatorCase):
    def start(self) -> None:
        self.second = tempfile.mkdtemp(prefix="actord-l2-")
        self.addCleanup(shutil.rmtree, self.second)
        flags = []
        for kind, folder in (("fs", self.folder), ("fs_native", self.second)):
            flags += ["--l2-adapter", json.dumps({"type": kind, "base_path": folder})]
        self.server = Server(BINARY, l1_gb=0.0625, chunk=CHUNK, flags=flags).start()
        self.client = Client(self.server.endpoint)

    def seconds(self) -> list[str]:
        return [name for name in os.listdir(self.second) if name.endswith(".data")]

    def test_deleting_reaches_every_adapter_or_the_one_named(self):
        self.stored(self.plain_worker(), self.tokens(4))

        def copied():
            return len(self.seconds()) == 4
        eventually(copied)
        keys = [entry["key"] for entry in self.listed(adapter="fs_native")]
        self.assertEqual(self.ask("DELETE", "/cache/objects",
                                  {"keys": keys[:1], "adapter": "fs_native"})[1]["deleted"], 1)
        self.assertEqual((len(self.files()), len(self.seconds())), (4, 3))
        self.assertEqual(self.ask("DELETE", "/cache/objects", {"keys": keys})[1],
                         {"deleted": 7, "skipped": 0, "ok": True})
        self.assertEqual((self.files(), self.seconds()), ([], []))
        names = [(each["type_name"], each["primary"])
                 for each in self.ask("GET", "/config/adapters")[1]["adapters"]]
        self.assertEqual(names, [("fs", True), ("fs_native", False)])


@ours_only
class Warming(OperatorCase):
    def test_a_prompt_is_in_l1_before_anybody_asks(self):
        worker, tokens = self.plain_worker(), self.tokens(6.5)
        self.stored(worker, tokens[:6 * CHUNK])
        self.client.clear(True)
        answer = self.warm(tokens)
        self.assertEqual((answer["chunks"], answer["status"]), (6, "submitted"))
        self.assertRegex(answer["request_id"], "^[0-9a-f]{32}$")
        result = self.result(answer["request_id"])
        self.assertEqual(result, {"request_id": answer["request_id"], "status": "completed",
                                  "found_keys": 6, "total_keys": 6})
        self.assertEqual(self.server.l1()["total_object_count"], 6)
        for name in self.files():
            os.unlink(os.path.join(self.folder, name))
        self.check_served(worker, tokens[:6 * CHUNK])
        self.assertEqual(self.server.l1()["total_object_count"], 6)
        self.assertEqual(self.server.status()["active_sessions"], 0)

    def test_a_result_is_told_once(self):
        self.plain_worker()
        request = self.warm(self.tokens(2))["request_id"]
        self.assertEqual(self.result(request)["found_keys"], 0)
        code, answer = self.ask("GET", f"/cache/prefetches/{request}")
        self.assertEqual((code, answer), (404, {
            "detail": f"unknown prefetch request_id='{request}' "
                      "(already completed or never submitted)"}))

    def test_what_is_no_prompt_is_refused_or_nothing(self):
        self.plain_worker()
        self.assertEqual(self.warm([1, 2, 3]), {"chunks": 0, "status": "noop"})
        code, answer = self.ask("POST", "/cache/prefetches",
                                {"model_name": self.model, "world_size": 1,
                                 "token_ids": [-1] * CHUNK})
        self.assertEqual(code, 400)
        self.assertIn("token_ids[0]: -1", answer["detail"])

    def test_more_than_l1_holds_puts_nothing_out(self):
        worker, tokens = PoolWorker(self, instance=5, hidden=8192), self.tokens(4)
        self.stored(worker, tokens)
        size = self.server.l1()["memory_total_bytes"]
        chunk_bytes = self.server.l1()["memory_used_bytes"] // 4
        many = int(size * 1.5 // chunk_bytes)
        self.assertLess(many, 400, "chunks are too small to fill L1 quickly")
        for seed in range(1, 4):
            self.stored(worker, self.tokens(many // 3, seed))
        self.client.clear(True)
        self.assertEqual(worker.store(self.key(tokens), 7), [0, 1, 2, 3])
        for seed in range(1, 4):
            self.result(self.warm(self.tokens(many // 3, seed))["request_id"])
        l1 = self.server.l1()
        self.assertLess(l1["memory_used_bytes"], 0.8 * size)
        self.assertGreater(l1["memory_used_bytes"], 0.5 * size)
        for name in self.files():
            os.unlink(os.path.join(self.folder, name))
        self.check_served(worker, tokens)
