"""A TCP proxy that kills its client at a point of what the client sends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """Bytes of a word's `nth` coming, counted from 1 over all connections, and so many after its
    begin; without a word, so many bytes after the proxy was armed.

    What comes up to there reaches the server. With `answered` everything that was sent does, and
    the server has said something about it, which the client never hears."""

    offset: int
    word: bytes = b""
    nth: int = 1
    answered: bool = False


class DeadlyProxy:
    def __init__(self, port: int):
        self.server = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.RLock()
        self.open: list[socket.socket] = []
        self.going = threading.Event()  # else nothing of the client's passes
        self.going.set()
        self.dead = threading.Event()
        self.kill: Callable[[], None] = lambda: None
        self.point: Point | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        self.going.clear()

    def arm(self, point: Point, kill: Callable[[], None]) -> None:
        """From here on bytes and words are counted; ends hold()."""
        with self.lock:
            self.point, self.kill, self.bytes, self.words = point, kill, 0, 0
            self.dead.clear()
        self.going.set()

    def forget(self) -> None:
        """The client is gone: ends its connections, and lets the next one through."""
        with self.lock:
            self.point = None
            for each in self.open:
                self._end(each)
            self.open.clear()
        self.going.set()

    def stop(self) -> None:
        self.listener.close()
        self.forget()

    @staticmethod
    def _end(each: socket.socket) -> None:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.server)
            except OSError:
                return
            answered = threading.Event()
            with self.lock:
                self.open += [client, server]
            for work in (self._up, self._down):
                threading.Thread(target=work, args=(client, server, answered), daemon=True).start()

    def _down(self, client: socket.socket, server: socket.socket,
              answered: threading.Event) -> None:
        try:
            while data := server.recv(1 << 16):
                answered.set()
                with self.lock:
                    if self.dead.is_set() and self.point:
                        return
                client.sendall(data)
        except OSError:
            pass
        finally:
            self._end(client)

    def _up(self, client: socket.socket, server: socket.socket, answered: threading.Event) -> None:
        seen = b""  # what a word that is cut in two began with
        try:
            while data := client.recv(1 << 16):
                self.going.wait()
                with self.lock:
                    if self.dead.is_set() and self.point:
                        return
                    end = self._fatal(seen, data)
                    seen = (seen + data)[-64:]
                    if end is None:
                        fatal = False
                    else:
                        fatal = True
                        answered.clear()
                        point = self.point
                        self.dead.set()
                        if not point.answered:
                            self.kill()
                            data = data[:end]
                server.sendall(data)
                if fatal and point.answered:
                    answered.wait(0.5)
                    self.kill()
                if fatal:
                    return
        except OSError:
            pass
        finally:
            self._end(server)

    def _fatal(self, seen: bytes, data: bytes) -> int | None:
        """How much of `data` passes when the client is to die in it."""
        point = self.point
        if not point or self.dead.is_set():
            return None
        before, self.bytes = self.bytes, self.bytes + len(data)
        if not point.word:
            return point.offset - before if point.offset < self.bytes else None
        if self.words >= point.nth:  # its word has passed: bytes after it
            self.left -= len(data)
            return max(0, len(data) + self.left) if self.left < 0 else None
        text = seen[-len(point.word) + 1:] + data
        at = -1
        while (at := text.find(point.word, at + 1)) >= 0:
            self.words += 1
            if self.words == point.nth:
                end = at - (len(text) - len(data)) + point.offset
                if end <= len(data):
                    return max(0, end)
                self.left = end - len(data)
                return None
        return None
