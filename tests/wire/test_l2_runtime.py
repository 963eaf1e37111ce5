"""Stores behind L1 that come and go while the daemon runs: /l2/adapters."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import tempfile
import threading

from .client import Client
from .harness import BINARY, CHUNK, eventually, ours_only
from .server import Server
from .test_l2 import FilesCase

SECRET = "not-for-anybody"


class RuntimeCase(FilesCase):
    """A daemon without any store to begin with."""

    def start(self) -> None:
        self.server = Server(BINARY, l1_gb=0.0625, chunk=CHUNK, flags=self.flags).start()
        self.client = Client(self.server.endpoint)

    def raw(self, method: str, path: str, body: bytes | None = None,
            kind: str = "application/json") -> tuple[int, dict, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if body else {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.loads(answer.read())
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        data = None if body is None else json.dumps(body).encode()
        code, _, answer = self.raw(method, path, data)
        return code, answer

    def attach(self, **keys) -> dict:
        code, headers, answer = self.raw("POST", "/l2/adapters", json.dumps(keys).encode())
        self.assertEqual(code, 201, answer)
        self.assertEqual(headers["Location"], f"/l2/adapters/{answer['id']}")
        return answer

    def attach_folder(self, **keys) -> dict:
        return self.attach(type="fs", base_path=self.folder, **keys)

    def listed(self) -> list[dict]:
        code, answer = self.ask("GET", "/l2/adapters")
        self.assertEqual(code, 200)
        return answer["adapters"]

    def gone(self, number: int, timeout_s: float = 5.0) -> None:
        def is_gone():
            return self.ask("GET", f"/l2/adapters/{number}")[0] == 404
        eventually(is_gone, timeout_s)

    def states(self) -> dict[tuple[str, str], str]:
        """adapter_index and l2_name: the state that /metrics shows."""
        result = {}
        text = self.server.http("GET", "/metrics")[1].decode()
        for line in text.splitlines():
            if line.startswith("lmcache_l2_adapter_state{") and line.endswith(" 1"):
                labels = dict(part.split("=", 1) for part in
                              line[line.index("{") + 1:line.index("}")].replace('"', "").split(","))
                result[labels["adapter_index"], labels["l2_name"]] = labels["state"]
        return result

    def another_folder(self) -> str:
        folder = tempfile.mkdtemp(prefix="actord-l2-")
        self.addCleanup(shutil.rmtree, folder)
        return folder


@ours_only
class Changes(RuntimeCase):
    def test_a_store_comes_serves_drains_and_goes(self):
        worker, tokens = self.plain_worker(), self.tokens(4)
        self.assertEqual(self.listed(), [])
        adapter = self.attach_folder()
        self.assertEqual((adapter["id"], adapter["type"], adapter["name"], adapter["state"],
                          adapter["breaker"]), (0, "fs", "l2-fs-0", "ready", "closed"))
        self.stored(worker, tokens)
        self.client.clear(True)
        self.check_served(worker, tokens)

        now = self.listed()[0]
        self.assertEqual((now["objects"], now["waiting_objects"]), (4, 0))
        self.assertEqual(now["bytes"], sum(os.path.getsize(os.path.join(self.folder, name))
                                           for name in self.files()))
        code, now = self.ask("POST", "/l2/adapters/0/drain")
        self.assertIn(code, (200, 202))
        self.assertEqual(now["state"], "draining")

        def drained():
            return self.ask("POST", "/l2/adapters/0/drain")[0] == 200
        eventually(drained)
        self.assertEqual(self.states(), {("0", "fs"): "draining"})
        more = self.tokens(3, 9)
        self.assertEqual(worker.store(self.key(more), 7), [0, 1, 2])
        self.client.clear(True)
        self.check_served(worker, tokens)
        self.assertEqual(self.client.hits(self.key(more, worker=None)), 0)
        self.assertEqual(len(self.files()), 4)

        code, now = self.ask("DELETE", "/l2/adapters/0")
        self.assertEqual((code, now["state"], now["removing"]), (202, "draining", True))
        self.gone(0)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.assertEqual((self.listed(), self.states()), ([], {}))
        self.assertIn("was removed", self.ask("DELETE", "/l2/adapters/0")[1]["detail"])
        self.assertEqual(len(self.files()), 4)  # its files are the operator's

        self.assertEqual(self.attach_folder()["id"], 1)

        def known():
            return self.listed()[0]["objects"] == 4
        eventually(known)
        self.check_served(worker, tokens)

    def test_the_tables_of_adapters_follow(self):
        self.attach_folder(eviction={"eviction_policy": "LRU"})
        self.assertEqual(self.ask("GET", "/config/adapters")[1], {"adapters": [
            {"index": 0, "type_name": "fs", "tier": "l2", "primary": True,
             "reconfigurable": False}]})
        config = self.ask("GET", "/config")[1]["storage_manager"]["l2_adapter_config"]["adapters"]
        self.assertEqual([each["base_path"] for each in config], [self.folder])
        status = self.server.status()["storage_manager"]
        self.assertEqual((status["num_l2_adapters"], status["l2_adapters"][0]["adapter_index"]),
                         (1, 0))
        self.assertEqual(status["store_controller"]["num_active_adapters"], 1)
        self.assertIn("l2-fs-0", [each["name"] for each in self.server.status()["actors"]])
        self.ask("DELETE", "/l2/adapters/0")
        self.gone(0)
        self.assertEqual(self.ask("GET", "/config/adapters")[1], {"adapters": []})
        config = self.ask("GET", "/config")[1]["storage_manager"]["l2_adapter_config"]["adapters"]
        self.assertEqual(config, [])
        self.assertEqual(self.server.status()["storage_manager"]["l2_adapters"], [])

        def forgotten():
            return "l2-fs-0" not in [each["name"] for each in self.server.status()["actors"]]
        eventually(forgotten)

    def test_ids_stay_when_another_goes(self):
        folders = [self.another_folder() for _ in range(3)]
        for folder in folders:
            self.attach(type="fs", base_path=folder)
        self.ask("DELETE", "/l2/adapters/1")
        self.gone(1)
        self.assertEqual([each["id"] for each in self.listed()], [0, 2])
        self.assertEqual(self.states(), {("0", "fs"): "ready", ("2", "fs"): "ready"})
        self.assertEqual([each["index"] for each in
                          self.ask("GET", "/config/adapters")[1]["adapters"]], [0, 2])
        worker = self.plain_worker()
        self.assertEqual(worker.store(self.key(self.tokens(2)), 7), [0, 1])

        def copied():
            return [len([name for name in os.listdir(folder) if name.endswith(".data")])
                    for folder in folders] == [2, 0, 2]
        eventually(copied)

    def test_a_restart_forgets_and_says_so(self):
        worker, tokens = self.plain_worker(), self.tokens(2)
        self.attach_folder()
        self.assertIn("gone after a restart", self.server.log())
        self.stored(worker, tokens)
        self.restart()
        self.assertEqual(self.listed(), [])
        self.plain_worker()
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)

    def test_what_is_stored_right_before_it_goes_is_kept(self):
        worker, tokens = self.plain_worker(), self.tokens(6)
        self.attach_folder()
        self.assertEqual(worker.store(self.key(tokens), 7), list(range(6)))
        self.assertEqual(self.ask("DELETE", "/l2/adapters/0")[0], 202)
        self.gone(0)
        self.assertEqual(len(self.files()), 6)

    def test_traffic_goes_on_while_stores_come_and_go(self):
        stop, turns, faults = threading.Event(), [], []

        def come_and_go():
            try:
                while not stop.is_set():
                    turns.append(self.attach_folder()["id"])
                    self.ask("DELETE", f"/l2/adapters/{turns[-1]}")
                    self.gone(turns[-1], 15)
            except Exception as fault:  # noqa: BLE001 - told by the test's own thread
                faults.append(fault)
        other = threading.Thread(target=come_and_go)
        other.start()
        self.addCleanup(other.join)
        self.addCleanup(stop.set)
        worker, served = self.plain_worker(), 0
        for turn in range(30000):
            if turn >= 300 and len(turns) > 5 or faults:
                break
            tokens = self.tokens(3, turn % 20)
            worker.store(self.key(tokens), 7)
            if turn % 3 == 0:
                self.client.clear(True)
            lookup = self.key(tokens, worker=None)
            hits = self.client.hits(lookup)
            if hits:
                key = self.key(tokens[:hits * CHUNK], request=lookup["request_id"])
                self.assertEqual(worker.retrieve(key),
                                 [worker.content(7, n) for n in range(hits)])
                served += 1
            self.client.end_session(lookup["request_id"])
        stop.set()
        other.join()
        self.assertEqual(faults, [])
        self.assertGreater(len(turns), 5)
        self.assertGreater(served, 100)
        self.assertNoLeases()

    def test_many_comings_and_goings_leave_nothing(self):
        self.attach_folder()
        self.ask("DELETE", "/l2/adapters/0")
        self.gone(0)
        threads = self.server.threads()
        for number in range(1, 21):
            self.attach_folder()
            self.ask("DELETE", f"/l2/adapters/{number}")
            self.gone(number)

        def ended():
            return self.server.threads() <= threads
        eventually(ended)
        self.assertEqual(self.states(), {})


@ours_only
class OfFlags(RuntimeCase):
    start = FilesCase.start

    def test_a_store_of_the_command_line_goes_until_the_next_start(self):
        worker, tokens = self.plain_worker(), self.tokens(2)
        self.stored(worker, tokens)
        self.assertEqual([each["id"] for each in self.listed()], [0])
        self.assertEqual(self.ask("POST", "/l2/adapters",
                                  {"type": "fs", "base_path": self.folder})[0], 409)
        self.ask("DELETE", "/l2/adapters/0")
        self.gone(0)
        self.assertIn("a restart brings it back", self.server.log())
        self.client.clear(True)
        self.assertEqual(self.client.hits(self.key(tokens, worker=None)), 0)
        self.restart()
        self.assertEqual([each["id"] for each in self.listed()], [0])
        self.check_served(self.plain_worker(), tokens)


@ours_only
class Refusals(RuntimeCase):
    def refused(self, body: object, code: int = 400) -> str:
        got, answer = self.ask("POST", "/l2/adapters", body)
        self.assertEqual(got, code, answer)
        self.assertEqual(set(answer), {"detail"})
        self.assertEqual(self.listed(), [])
        return answer["detail"]

    def test_a_body_that_is_wrong_names_its_key(self):
        for body, text in (
                ({"type": "fs"}, "base_path must be a non-empty string; it is missing"),
                ({"type": "fs", "base_path": 7}, "base_path must be a non-empty string"),
                ({"type": "fs", "base_path": "/x", "cpp": {"fsync": "on"}}, "cpp.fsync must be"),
                ({"type": "fs", "base_path": "/x", "cpp": {"fsnc": "off"}}, "cpp.fsnc"),
                ({"type": "fs", "base_path": "/x", "cpp": {"breaker": {"failures": 0}}},
                 "cpp.breaker.failures"),
                ({"type": "fs", "base_path": "/x", "affinity_tag": "gpu7"}, "affinity_tag must"),
                ({"type": "raw_block", "device_path": "/dev/x", "slot_bytes": 1 << 20,
                  "block_align": 8192, "header_bytes": 8192}, "block_align must be at most"),
                ({"type": "nope"}, "nope"), ({"base_path": "/x"}, "type"),
                ([], "Invalid JSON for L2 adapter"), ("text", "Invalid JSON")):
            detail = self.refused(body)
            self.assertIn(text, detail)
            self.assertNotIn("--l2-adapter #", detail)

    def test_every_problem_is_told_and_no_secret(self):
        detail = self.refused({"type": "resp", "host": 7, "port": "x", "password": SECRET})
        self.assertIn("host", detail)
        self.assertIn("port", detail)
        self.assertNotIn(SECRET, detail + self.server.log())

    def test_bodies_that_are_no_json_or_too_long(self):
        kind = "application/json"
        for body, kind, code in ((b"{", kind, 400), (b"\xff", kind, 400), (b"[" * 50000, kind, 400),
                                 (b"{}", "text/plain", 400),
                                 (b'{"type": "' + b"x" * 70000 + b'"}', kind, 413)):
            got, _, answer = self.raw("POST", "/l2/adapters", body, kind)
            self.assertEqual(got, code, answer)
        self.assertEqual(self.raw("POST", "/l2/adapters")[0], 400)
        self.assertEqual(self.listed(), [])

    def test_unknown_keys_are_ignored_with_one_warning(self):
        answer = self.attach_folder(speed=3, colour="red")
        self.assertEqual(len(answer["warnings"]), 1)
        self.assertIn("unknown keys are ignored: speed, colour", answer["warnings"][0])
        self.assertEqual(self.server.log().count("unknown keys are ignored"), 1)

    def test_a_store_that_cannot_be_opened_leaves_nothing(self):
        path = os.path.join(self.folder, "file")
        with open(path, "w", encoding="utf-8"):
            pass
        self.assertIn(path, self.refused({"type": "fs", "base_path": path + "/below"}))
        self.assertEqual(self.states(), {})
        self.assertEqual(os.listdir(self.folder), ["file"])
        code, answer = self.ask("GET", "/l2/adapters/0")
        self.assertEqual(code, 404)
        self.assertIn("is not attached", answer["detail"])
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            self.assertIn(str(port), self.refused(
                {"type": "resp", "host": "127.0.0.1", "port": port, "password": SECRET}))
        self.assertNotIn(SECRET, self.server.log())

    def test_a_place_is_attached_once(self):
        self.attach_folder()
        for path in (self.folder, self.folder + "/", self.folder + "/x/.."):
            code, answer = self.ask("POST", "/l2/adapters", {"type": "fs_native",
                                                             "base_path": path})
            self.assertEqual(code, 409)
            self.assertIn("base_path is that of L2 adapter 0", answer["detail"])
        self.assertEqual(len(self.listed()), 1)

    def test_unknown_adapters_and_methods(self):
        for method, path, code in (("GET", "/l2/adapters/0", 404), ("GET", "/l2/adapters/x", 404),
                                   ("GET", "/l2/adapters/-1", 404),
                                   ("GET", "/l2/adapters/99999999999", 404),
                                   ("DELETE", "/l2/adapters/5", 404),
                                   ("POST", "/l2/adapters/5/drain", 404),
                                   ("PUT", "/l2/adapters", 405), ("DELETE", "/l2/adapters", 405),
                                   ("POST", "/l2/adapters/0", 405),
                                   ("GET", "/l2/adapters/0/drain", 405)):
            got, answer = self.ask(method, path)
            self.assertEqual((got, set(answer)), (code, {"detail"}), (method, path, answer))

    def test_routes_of_the_peer_that_do_not_apply(self):
        self.attach_folder()
        self.assertEqual(self.ask("GET", "/reconfigure/fs/l2/status"),
                         (200, {"enabled": False, "backend": "fs", "num_adapters": 0,
                                "adapters": []}))
        self.assertEqual(self.ask("POST", "/reconfigure/fs/l2/add", {}),
                         (404, {"error": "fs adapter not found"}))
        self.assertEqual(self.ask("POST", "/reconfigure/dax/l2/add",
                                  {"device_path": "/dev/dax0.0", "size": "1GiB"}),
                         (404, {"error": "dax adapter not found"}))
        self.assertEqual(self.ask("GET", "/reconfigure/dax/l1/status")[0], 409)

    def test_the_document_names_every_route(self):
        code, document = self.ask("GET", "/openapi.json")
        self.assertEqual((code, document["openapi"], document["info"]["title"]),
                         (200, "3.1.0", "LMCache HTTP API"))
        self.assertEqual({(path, method) for path, item in document["paths"].items()
                          for method in item if method != "parameters"},
                         {("/l2/adapters", "get"), ("/l2/adapters", "post"),
                          ("/l2/adapters/{id}", "get"), ("/l2/adapters/{id}", "delete"),
                          ("/l2/adapters/{id}/drain", "post")})
        schema = document["components"]["schemas"]["Adapter"]
        answer = self.attach_folder(speed=1)
        self.assertLessEqual(set(schema["required"]), set(answer))
        self.assertLessEqual(set(answer), set(schema["properties"]))
        text = json.dumps(document)
        for reference in set(text.split('"$ref": "#/')[1:]):
            part = document
            for name in reference.split('"')[0].split("/"):
                part = part[name]


@ours_only
class Access(RuntimeCase):
    def setUp(self) -> None:
        self.token = tempfile.NamedTemporaryFile("w", suffix=".token")
        self.addCleanup(self.token.close)
        self.token.write("open-sesame\n")
        self.token.flush()
        os.chmod(self.token.name, 0o600)
        self.flags = ["--http-token-file", self.token.name]
        super().setUp()

    def test_the_token_is_asked_for(self):
        body = {"type": "fs", "base_path": self.folder}
        for method, path, content in (("GET", "/l2/adapters", None),
                                      ("POST", "/l2/adapters", body),
                                      ("GET", "/l2/adapters/0", None),
                                      ("DELETE", "/l2/adapters/0", None),
                                      ("POST", "/l2/adapters/0/drain", None),
                                      ("GET", "/openapi.json", None)):
            self.assertEqual(self.ask(method, path, content)[0], 401, (method, path))
        self.assertEqual(os.listdir(self.folder), [])
