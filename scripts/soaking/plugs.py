"""Many plain sockets in one thread: they come in, hear until the server closes, answer that, or read nothing at all.

Knows the frames and when which of them came; nothing of what they mean.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from crowd.dialects import DIALECTS, Seat
from crowd.frames import CLOSE, PING, PONG, TEXT, after_handshake, client_frame, close_code, frame_at, handshake

CHUNK = 1 << 16
Address = tuple[str, int]


class Heard(NamedTuple):
    at: float
    """time.monotonic()."""
    payload: bytes


class Plug:
    """One socket."""

    def __init__(self, address: Address, seat: Seat, after: int | None = None, buffer: int | None = None) -> None:
        """`buffer`: bytes that the kernel keeps for whoever does not read; None: as it likes."""
        self.seat = seat
        self.texts: list[Heard] = []
        self.code: int | None = None
        self.told_at = self.gone_at = 0.0
        self._rest, self._greeting = b"", True
        self.socket = socket.socket()
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        path, headers = DIALECTS["axenix"].way(seat, after)
        self.socket.sendall(handshake(f"{address[0]}:{address[1]}", path, headers))
        self.socket.setblocking(False)

    @property
    def is_inside(self) -> bool:
        return any(heard.payload.startswith(b'{"type":"sync.info"') for heard in self.texts[:3])

    @property
    def is_gone(self) -> bool:
        return bool(self.gone_at)

    def say(self, *texts: bytes) -> None:
        """In full: what is said here is little."""
        self.socket.setblocking(True)
        self.socket.sendall(b"".join(map(client_frame, texts)))
        self.socket.setblocking(False)

    def hear(self) -> None:
        """Whatever has come; the end is part of it."""
        try:
            chunk = self.socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        now = time.monotonic()
        if not chunk:
            self.gone_at = now
            return
        self._rest += chunk
        if self._greeting:
            rest = after_handshake(self._rest)
            if rest is None:
                return
            self._rest, self._greeting = rest, False
        self._understand(now)

    def _understand(self, now: float) -> None:
        at = 0
        while found := frame_at(self._rest, at):
            payload = self._rest[found.start:found.end]
            if found.opcode == TEXT:
                self.texts.append(Heard(now, payload))
            elif found.opcode == PING:
                self._answer(client_frame(payload, PONG))
            elif found.opcode == CLOSE:
                self.code, self.told_at = close_code(payload), now
                self._answer(client_frame(payload[:2], CLOSE))
            at = found.end
        self._rest = self._rest[at:]

    def _answer(self, frame: bytes) -> None:
        try:
            self.socket.send(frame)
        except OSError:
            pass  # it has gone; the next read says so


def listen(plugs: Iterable[Plug], enough: Callable[[], bool], seconds: float) -> bool:
    """All of them hear, until that is enough or the time is up; says whether it was enough."""
    with selectors.DefaultSelector() as selector:
        for plug in plugs:
            if not plug.is_gone:
                selector.register(plug.socket, selectors.EVENT_READ, plug)
        until = time.monotonic() + seconds
        while not enough():
            if time.monotonic() > until:
                return False
            for key, _ in selector.select(0.02):
                key.data.hear()
                if key.data.is_gone:
                    selector.unregister(key.fileobj)
    return True


def enter(address: Address, seats: Iterable[Seat], at_once: int = 100, **how: int) -> list[Plug]:
    """All come in, so many at a time; raises TimeoutError if some do not."""
    waiting, inside = list(seats), list[Plug]()
    while waiting:
        group, waiting = [Plug(address, seat, **how) for seat in waiting[:at_once]], waiting[at_once:]
        inside += group
        if not listen(group, lambda: all(plug.is_inside for plug in group), 30):
            raise TimeoutError(f"only {sum(plug.is_inside for plug in group)} of {len(group)} came in")
    return inside


def close(plugs: Iterable[Plug]) -> None:
    for plug in plugs:
        plug.socket.close()
