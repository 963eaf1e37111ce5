"""An HTTP server that says exactly what a test tells it to, byte by byte."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

EMPTY_LIST = (b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    number: int  # of this method and target, from 0


@dataclass
class Fake:
    """Each request goes to `answer` with its socket; false ends the connection."""

    answer: Callable[[socket.socket, Request], bool | None]
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        self.ending = threading.Event()  # answers that hang wait for it
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            if self.tls:
                peer = self.tls.wrap_socket(peer, server_side=True)
            stream = peer.makefile("rb")
            while request := self._read(stream):
                if self.answer(peer, request) is False:
                    break
        except OSError:
            pass
        finally:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            peer.close()

    def _read(self, stream) -> Request | None:
        first = stream.readline().decode("latin-1").split()
        if len(first) != 3:
            return None
        headers = {}
        while (line := stream.readline().decode("latin-1").strip()):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        with self.lock:
            number = sum((r.method, r.target) == (first[0], first[1]) for r in self.requests)
            request = Request(first[0], first[1], headers, body, number)
            self.requests.append(request)
        return request

    def of_objects(self) -> list[Request]:
        """The requests that are about objects, not about the bucket."""
        return [r for r in self.requests if "list-type" not in r.target]

    def stop(self) -> None:
        self.ending.set()
        self.listener.close()
        for peer in self.open:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def reply(peer: socket.socket, status: int, body: bytes = b"", **headers: object) -> None:
    """A whole answer. Names of headers: content_length for Content-Length; its default is right."""
    headers = {"content_length": len(body)} | headers
    lines = "".join(f"{n.replace('_', '-')}: {v}\r\n" for n, v in headers.items() if v is not None)
    peer.sendall(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)


def error(peer: socket.socket, status: int, code: str, **headers: object) -> None:
    reply(peer, status, f"<Error><Code>{code}</Code></Error>".encode(), **headers)


def listing_or(answer):
    """An answer that leaves lists to an empty bucket, so that a backend can open."""
    def both(peer, request):
        if "list-type" in request.target:
            return reply(peer, 200, EMPTY_LIST)
        return answer(peer, request)
    return both


def range_of(request: Request) -> tuple[int, int]:
    first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["range"]).groups()
    return int(first), int(last) + 1
