"""Peers that connect and say nothing, that do not read, that freeze: nobody else is slowed."""

import os
import signal
import socket
import subprocess
import sys

import zmq

from .client import Client
from .harness import WireCase, eventually, ours_only
from .protocol import operation, pack

FLOOD = 40_000
UID = b"u" * 2000  # echoed in every reply, so that kernel buffers fill soon
FROZEN = """
import sys, zmq
socket = zmq.Context().socket(zmq.DEALER)
socket.set_hwm(0)
socket.connect(sys.argv[1])
for n in range(int(sys.argv[2])):
    socket.send_multipart([n.to_bytes(4, "big") * 500, b"\\x18"])
print("sent", flush=True)
sys.stdin.read()
"""


def flood(endpoint: str, context: zmq.Context, count: int) -> zmq.Socket:
    """A client that asks for more than it will ever read; stops when its own queue is full."""
    peer = context.socket(zmq.DEALER)
    peer.linger = 0
    peer.sndhwm, peer.rcvhwm, peer.rcvbuf = 1000, 1, 4096
    peer.connect(endpoint)
    blocked = 0
    for n in range(count):
        try:
            peer.send_multipart([UID + n.to_bytes(4, "big"), b"\x18"], zmq.NOBLOCK)
        except zmq.Again:
            blocked += 1
            if blocked > 20 or not peer.poll(100, zmq.POLLOUT):
                break
    return peer


@ours_only
class SilentPeers(WireCase):
    def test_connections_without_a_word_and_with_the_wrong_ones(self):
        sockets = []
        greetings = [b"", b"\xff", b"\xff\0\0\0\0\0\0\0\x01\x7f", b"GET / HTTP/1.1\r\n\r\n",
                     os.urandom(200), b"\xff" + b"\0" * 8 + b"\x7f\x03\x00NULL" + b"\0" * 48]
        for n in range(120):
            s = socket.create_connection(("127.0.0.1", self.server.port), 5)
            s.sendall(greetings[n % len(greetings)])
            sockets.append(s)
        for _ in range(50):
            self.assertIs(self.client.ping(timeout_s=5), True)
        for s in sockets:
            s.close()
        self.assertIs(self.connect().ping(timeout_s=5), True)

    def test_connections_that_come_and_go(self):
        for _ in range(300):
            with Client(self.server.endpoint) as client:
                client.send_raw(b"\x00", b"\x16", b"\xc0")
        for _ in range(20):
            with Client(self.server.endpoint) as client:
                self.assertIs(client.ping(), True)
        for _ in range(200):
            socket.create_connection(("127.0.0.1", self.server.port), 5).close()
        self.assertIs(self.client.ping(timeout_s=5), True)

    def test_http_garbage_does_not_matter_here(self):
        with socket.create_connection(("127.0.0.1", self.server.http_port), 5) as s:
            s.sendall(b"\x00" * 1000)
            self.assertIs(self.client.ping(), True)
        self.assertEqual(self.server.http("GET", "/healthcheck")[0], 200)


@ours_only
class PeersThatDoNotRead(WireCase):
    def others_are_served(self) -> None:
        worker, second = self.worker(), self.connect()
        for n in range(20):
            tokens = self.tokens(2, seed=n + 1)
            worker.store(self.key(tokens))
            self.assertEqual(second.hits(self.key(tokens, worker=None), timeout_s=5), 2)
            self.assertIs(second.ping(timeout_s=5), True)

    def test_a_flood_without_reading(self):
        before = self.server.resident_bytes(private=True)
        context = zmq.Context()
        peers = [flood(self.server.endpoint, context, FLOOD) for _ in range(3)]
        try:
            self.others_are_served()
            self.assertLess(self.server.resident_bytes(private=True), before + (256 << 20))
        finally:
            for peer in peers:
                peer.close(0)
            context.destroy(0)
        self.others_are_served()

    def test_a_frozen_client_with_unread_replies(self):
        child = subprocess.Popen([sys.executable, "-c", FROZEN, self.server.endpoint, str(FLOOD)],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            os.kill(child.pid, signal.SIGSTOP)
            self.others_are_served()
            os.kill(child.pid, signal.SIGCONT)
            self.assertEqual(child.stdout.readline().strip(), b"sent")
            os.kill(child.pid, signal.SIGSTOP)
            self.others_are_served()
        finally:
            child.kill()
            child.communicate()
        self.others_are_served()

    def test_slots_of_a_client_that_was_cut_are_not_committed_by_its_return(self):
        worker = self.worker()
        key, context = self.key(self.tokens(2)), zmq.Context()
        peer = context.socket(zmq.DEALER)
        peer.linger, peer.rcvhwm, peer.rcvbuf, peer.sndhwm = 0, 1, 4096, 0
        peer.reconnect_ivl = -1
        peer.connect(self.server.endpoint)
        peer.send_multipart([b"\x00", operation("prepare_store"), pack(key),
                             pack(worker.instance)])

        def reserved():
            return self.server.leases()["staging_object_count"] == 2
        eventually(reserved)
        for n in range(FLOOD):
            peer.send_multipart([UID + n.to_bytes(4, "big"), b"\x18"])

        def out_of_the_index():  # that the peer was cut shows on the server only
            return self.server.leases()["staging_object_count"] == 0
        try:
            eventually(out_of_the_index, 20)
            second = self.connect()
            self.assertIs(second.commit_store(key, worker.instance), False)
            self.assertEqual(second.hits(self.key(self.tokens(2), worker=None)), 0)
        finally:
            peer.close(0)
            context.destroy(0)
