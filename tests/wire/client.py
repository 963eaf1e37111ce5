"""A light client of the wire protocol: one DEALER socket, calls matched by uid, typed helpers.

It checks what a real client relies on: exactly one reply per call, uid and operation echoed.
Not thread-safe: one client per thread.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import zmq

from .protocol import NoReply, Refused, Reply, operation, pack, unpack

EVENT_HANDLE = b"stub_ipc_handle"
TIMEOUT_S = 10.0
_context = zmq.Context()


class Client:
    def __init__(self, endpoint: str, *, context: zmq.Context | None = None,
                 by_name: bool = False, hwm: int | None = None):
        self._socket = (context or _context).socket(zmq.DEALER)
        self._socket.linger = 0
        if hwm is not None:
            self._socket.set_hwm(hwm)
        self._socket.connect(endpoint)
        self._by_name = by_name
        self._next_uid = 0
        self._sent: dict[bytes, bytes] = {}      # uid -> operation frame, calls without a reply
        self._replies: dict[bytes, Reply] = {}
        self._streams: dict[bytes, "Stream"] = {}
        self.unexpected: list[list[bytes]] = []  # replies nobody waits for, second replies

    def close(self) -> None:
        self._socket.close(0)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Messages

    def send_raw(self, *frames: bytes) -> None:
        """Sends frames as they are, for malformed messages."""
        self._socket.send_multipart(list(frames))

    def submit_encoded(self, op: bytes, payloads: list[bytes]) -> bytes:
        """Sends a call whose payloads are encoded already; returns its uid."""
        uid = pack(self._next_uid)
        self._next_uid += 1
        self._sent[uid] = op
        self._socket.send_multipart([uid, op, *payloads], copy=True)
        return uid

    def submit(self, name: str, *payloads: Any) -> bytes:
        op = pack(name) if self._by_name else operation(name)
        return self.submit_encoded(op, [pack(p) for p in payloads])

    def expect(self, uid: bytes, op: bytes) -> None:
        """Announces a call sent with send_raw so that wait() accepts its reply."""
        self._sent[uid] = op

    def receive(self, timeout_s: float) -> bool:
        """Takes one message off the socket; false when none came in time."""
        if not self._socket.poll(max(0, int(timeout_s * 1000))):
            return False
        frames = self._socket.recv_multipart()
        uid = frames[0]
        if uid in self._streams:
            self._streams[uid].deliver(frames)
        elif uid in self._sent and uid not in self._replies and len(frames) in (2, 3):
            self._replies[uid] = Reply(frames[1], frames[2] if len(frames) > 2 else None)
        else:
            self.unexpected.append(frames)
        return True

    def wait_reply(self, uid: bytes, timeout_s: float = TIMEOUT_S) -> Reply:
        deadline = time.monotonic() + timeout_s
        while uid not in self._replies:
            left = deadline - time.monotonic()
            if left <= 0 or not self.receive(left):
                if uid in self._replies:
                    break
                raise NoReply(f"operation {self._sent[uid].hex()}: no reply in {timeout_s} s")
        return self._replies.pop(uid)

    def wait(self, uid: bytes, timeout_s: float = TIMEOUT_S) -> Any:
        reply = self.wait_reply(uid, timeout_s)
        return reply.value(self._sent.pop(uid))

    def call(self, name: str, *payloads: Any, timeout_s: float = TIMEOUT_S) -> Any:
        return self.wait(self.submit(name, *payloads), timeout_s)

    # Management

    def ping(self, instance: int | None = None, **kw: Any) -> bool:
        return self.call("ping", instance, **kw)

    def noop(self, **kw: Any) -> str:
        return self.call("noop", **kw)

    def chunk_size(self) -> int:
        return self.call("get_chunk_size")

    def experimental(self) -> list[str]:
        return self.call("get_experimental")

    def clear(self, force: bool = False) -> None:
        return self.call("clear", force)

    # Lookup

    def lookup(self, key: dict, tp_size: int = 1) -> None:
        return self.call("lookup", key, tp_size)

    def status(self, request: str) -> int | None:
        return self.call("query_prefetch_status", request)

    def hits(self, key: dict, timeout_s: float = TIMEOUT_S) -> int:
        """Lookup and its final answer, polled as the scheduler does."""
        self.lookup(key)
        deadline = time.monotonic() + timeout_s
        while (found := self.status(key["request_id"])) is None:
            if time.monotonic() > deadline:
                raise NoReply(f"lookup {key['request_id']} stayed pending for {timeout_s} s")
            time.sleep(0.001)
        return found

    def free_locks(self, key: dict, start: int, end: int, tp_size: int = 1) -> None:
        return self.call("free_lookup_locks", {**key, "start": start, "end": end}, tp_size)

    def end_session(self, request: str) -> None:
        return self.call("end_session", request)

    # Engine-driven transfer

    def register_engine_driven(self, context: dict) -> dict:
        return self.call("register_kv_cache_engine_driven_context", context)

    def unregister_engine_driven(self, instance: int) -> None:
        return self.call("unregister_kv_cache_engine_driven_context", instance)

    def prepare_store(self, key: dict, instance: int) -> dict:
        return self.call("prepare_store", key, instance)["context"]

    def commit_store(self, key: dict, instance: int, data: bytes = b"") -> bool:
        return self.call("commit_store", key, instance, data)

    def prepare_retrieve(self, key: dict, instance: int) -> dict:
        return self.call("prepare_retrieve", key, instance)

    def commit_retrieve(self, key: dict, instance: int) -> bool:
        return self.call("commit_retrieve", key, instance)

    # LMCache-driven transfer

    def register_kv_cache(self, instance: int, handles: list, model: str, world: int,
                          hints: dict, groups: list[dict], engine: str = "vllm") -> None:
        return self.call("register_kv_cache", instance, handles, model, world, engine, hints,
                         groups)

    def unregister_kv_cache(self, instance: int) -> None:
        return self.call("unregister_kv_cache", instance)

    def store(self, key: dict, instance: int, blocks: list[list[int]],
              event: bytes = EVENT_HANDLE) -> bool:
        return self.call("store", key, instance, blocks, event)[1]

    def retrieve(self, key: dict, instance: int, blocks: list[list[int]], skip: int = 0,
                 event: bytes = EVENT_HANDLE) -> bool:
        return self.call("retrieve", key, instance, blocks, event, skip)[1]

    # Streams

    def subscribe(self, instance: int, model: str, cursor: int = 0,
                  max_events: int = 1024) -> "Stream":
        uid = pack(self._next_uid)
        self._next_uid += 1
        op = pack("subscribe_kv_events")
        stream = self._streams[uid] = Stream(self, uid, op)
        self._socket.send_multipart(
            [uid, op, pack(instance), pack(model), pack(cursor), pack(max_events)])
        return stream


class Stream:
    """A subscription: items under credit, ended by a frame without body."""

    def __init__(self, client: Client, uid: bytes, op: bytes):
        self._client = client
        self._uid = uid
        self._op = op
        self._items: list[dict] = []
        self.ended = 0  # end frames seen

    def deliver(self, frames: list[bytes]) -> None:
        if frames[1] != self._op:
            raise Refused(unpack(frames[1]))
        if len(frames) == 2:
            self.ended += 1
        else:
            self._items.append(msgspec.msgpack.decode(frames[2]))

    def item(self, timeout_s: float = TIMEOUT_S) -> dict | None:
        """The next item, or None at the end of the stream; raises NoReply when neither came."""
        deadline = time.monotonic() + timeout_s
        while not self._items and not self.ended:
            left = deadline - time.monotonic()
            if left <= 0 or not self._client.receive(left):
                raise NoReply(f"no stream item in {timeout_s} s")
        return self._items.pop(0) if self._items else None

    def silent(self, for_s: float) -> bool:
        """Whether nothing arrives for that long."""
        try:
            item = self.item(for_s)
        except NoReply:
            return True
        if item is not None:
            self._items.insert(0, item)
        return False

    def control(self, *words: bytes) -> None:
        self._client.send_raw(self._uid, b"", *words)

    def ack(self) -> None:
        self.control(b"ack")

    def cancel(self) -> None:
        self.control(b"cancel")
