"""Request ids, instance ids and routing ids are names that anyone may use: none of them alone may
lead to another's bytes or free another's buffers."""

import os
import socket
import subprocess
import tempfile

from .harness import BINARY, WireCase, eventually, ours_only


@ours_only
class ReusedNames(WireCase):
    def peers(self) -> set[str]:
        return {row["peer"] for row in self.server.status()["zmq_gateway"]["clients"]}

    def test_a_lookup_of_one_prompt_does_not_open_another(self):
        worker = self.worker()
        mine, other = self.tokens(2, seed=1), self.tokens(2, seed=2)
        worker.store(self.key(mine), tag=1)
        lookup = self.key(mine, worker=None)
        self.assertEqual(self.client.hits(lookup), 2)
        request = lookup["request_id"]
        for wrong in (self.key(other, request=request),
                      self.key(mine, request=request, salt="bob"),
                      self.key(mine, request=request, model=self.model + "x")):
            self.assertIs(
                self.client.call("prepare_retrieve", wrong, worker.instance)["success"], False)
        self.assertEqual(worker.retrieve(self.key(mine, request=request)),
                         [worker.content(1, c) for c in range(2)])

    def test_requests_with_one_prompt_hold_it_each(self):
        worker, tokens = self.worker(), self.tokens(2)
        worker.store(self.key(tokens))
        lookups = [self.key(tokens, worker=None) for _ in range(2)]
        keys = []
        for lookup in lookups:
            self.assertEqual(self.client.hits(lookup), 2)
            keys.append(self.key(tokens, request=lookup["request_id"]))
            answer = self.client.call("prepare_retrieve", keys[-1], worker.instance)
            self.assertIs(answer["success"], True)
        self.client.call("commit_retrieve", keys[0], worker.instance)
        self.client.end_session(keys[1]["request_id"])
        self.assertEqual(self.server.l1()["read_locked_count"], 2)  # the second still reads
        self.client.call("commit_retrieve", keys[1], worker.instance)
        self.assertEqual(self.server.l1()["read_locked_count"], 0)

    def test_slots_of_a_writer_stay_its_own_when_a_stranger_speaks_its_name(self):
        worker = self.worker()
        key = self.key(self.tokens(2))
        slots = self.client.prepare_store(key, worker.instance)["slots"]
        before = self.peers()
        with self.connect() as stranger:
            stranger.ping(worker.instance)
            name, = self.peers() - before

        def stranger_is_buried():
            return name not in self.peers()
        eventually(stranger_is_buried)
        taken = self.client.prepare_store(self.key(self.tokens(2, seed=5)), worker.instance)
        self.assertFalse({s["offset"] for s in slots} & {s["offset"] for s in taken["slots"]})
        self.assertIs(self.client.commit_store(key, worker.instance), True)

    def test_unregistering_the_other_kind_changes_nothing(self):
        client = self.connect()
        worker = self.worker(client=client)
        client.prepare_store(self.key(self.tokens(2)), worker.instance)
        self.client.call("unregister_kv_cache", worker.instance)
        self.assertEqual(self.server.l1()["write_locked_count"], 2)
        client.close()

        def slots_are_free():
            return self.server.l1()["write_locked_count"] == 0
        eventually(slots_are_free)


@ours_only
class IpcPath(WireCase):
    def refusal(self, path: str) -> str:
        ended = subprocess.run(
            [BINARY, "--port", "0", "--http-port", "0", "--prometheus-port", "0", "--l1-size-gb",
             "0.1", "--eviction-policy", "LRU", "--ipc-path", path],
            capture_output=True, text=True, timeout=30, check=False)
        self.assertNotEqual(ended.returncode, 0)
        return ended.stdout + ended.stderr

    def test_no_file_of_the_operator_is_removed(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "notes")
            with open(path, "w", encoding="ascii") as notes:
                notes.write("mine")
            self.assertIn("is no socket", self.refusal(path))
            with open(path, encoding="ascii") as notes:
                self.assertEqual(notes.read(), "mine")

    def test_no_live_socket_is_taken_over(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "live")
            with socket.socket(socket.AF_UNIX) as live:
                live.bind(path)
                live.listen()
                self.assertIn("a process that runs", self.refusal(path))
