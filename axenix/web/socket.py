"""One WebSocket as the room's audience sees it: bytes in, no waiting, and an end that is certain.

The network calls it and it calls whoever listens: no task and no queue of its own, so an idle one costs little. Knows
the traps of closing (a peer that does not read would hold a close for ever) and nothing of rooms.
"""

from __future__ import annotations

import asyncio
import itertools
import socket as sockets
from collections import deque
from collections.abc import Callable

from axenix import frames
from axenix.errors import Close
from axenix.web.limits import TokenBucket

FRAME = 64 * 1024
"""The most bytes of a client's message."""
CLOSE_SECONDS = 2.0
"""How long a peer may take to answer our close before it is cut off."""
SLOW_SECONDS = 0.5
"""The same for one that has not been reading: it has had its time."""
LITTLE = 64 * 1024
"""Bytes left to send when a peer counts as drained."""
DRAIN_SECONDS = 5.0
CONTROLS = 10.0, 100
"""Pings and pongs of a client: a second, and at once. Clients send one in many seconds."""
SEND_BUFFER = 128 * 1024
"""The kernel would swallow megabytes for a peer that does not read, and no byte limit of ours would ever be reached."""
ABNORMAL = 1006

_numbers = itertools.count(1)


class Socket(asyncio.Protocol):
    __slots__ = (
        "number", "user_id", "written", "tell", "on_behind", "code", "heard_at", "pinged_at", "is_gone", "_transport",
        "_frames", "_waiting", "_hear", "_on_end", "_now", "_controls",
    )

    def __init__(self, transport: asyncio.Transport, max_behind: int) -> None:
        """`max_behind`: bytes that may wait for the kernel before `on_behind` is called."""
        self.number = next(_numbers)
        self.user_id = 0
        self.written = 0
        self.tell: Callable[[bytes], None] = transport.write  # itself: this is called for every delivery there is
        self.on_behind: Callable[[], None] = _nothing
        self.code: int | None = None
        """Why it is closed, or being closed."""
        self.is_gone = False
        self._transport = transport
        self._frames = frames.FrameReader(FRAME)
        self._waiting: deque[bytes] | None = deque()
        """What has come while nobody listened; None: somebody does."""
        self._hear: Callable[[bytes], None] = _ignore
        self._on_end: Callable[[], None] | None = None
        self._controls: TokenBucket | None = None
        """Counts pings and pongs."""
        self._now = asyncio.get_running_loop().time
        self.heard_at = self.pinged_at = self._now()
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER)
        transport.set_write_buffer_limits(high=max_behind)
        transport.pause_reading()

    # ---- the face of audience.Peer ----

    def write(self, data: bytes) -> None:
        self.tell(data)
        self.written += len(data)

    def backlog(self) -> int:
        return self._transport.get_write_buffer_size()

    def close(self, code: int) -> None:
        if self.code is None and not self.is_gone:
            self.write(frames.close_frame(code))
            self._finish(code, SLOW_SECONDS if code == Close.TOO_SLOW else CLOSE_SECONDS)

    async def drained(self) -> None:
        """Polls: those who are being drained are few, and a waiter would be one more thing in every socket."""
        patience, least = DRAIN_SECONDS, self.backlog()
        while not self.is_gone and self.code is None:
            backlog = self.backlog()
            if backlog <= LITTLE:
                return
            if backlog < least:
                patience, least = DRAIN_SECONDS, backlog
            if patience <= 0:
                break
            await asyncio.sleep(0.01)
            patience -= 0.01
        raise ConnectionError("the peer does not read, or has gone")

    # ---- listening ----

    def listen(self, hear: Callable[[bytes], None]) -> None:
        """From now on each text message goes to `hear`; what has come before goes there first."""
        self._hear = hear
        while self._waiting and self.code is None:
            hear(self._waiting.popleft())
            if self._hear is not hear:
                return  # it has been held up
        self._waiting = None
        if not self.is_gone:
            self._transport.resume_reading()

    def hold(self) -> None:
        """What comes next waits, most of it in the network, until somebody listens again."""
        self._hear = _ignore
        if self._waiting is None:
            self._waiting = deque()
        if not self.is_gone:
            self._transport.pause_reading()

    # ---- called by the network ----

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._now()
        for opcode, payload in self._frames.feed(data):
            if self.code is not None:  # we have said goodbye; only the answer to it counts
                if opcode == frames.CLOSE:
                    self._transport.close()
            elif opcode == frames.TEXT:
                self._say(payload)
            elif opcode == frames.BINARY:
                self._say(b"[]")  # JSON that no message is
            elif opcode in (frames.PING, frames.PONG):
                self._beat(opcode, payload)
            elif opcode == frames.CLOSE:
                self._answer_close(payload)
        if self._frames.violation is not None:
            self.close(self._frames.violation)
            self._transport.pause_reading()

    def _beat(self, opcode: int, payload: bytes) -> None:
        if self._controls is None:  # most never send one, and have no counter
            self._controls = TokenBucket(*CONTROLS)
        if self._controls.take(self.heard_at):
            self.close(Close.FLOODING)
        elif opcode == frames.PING:
            self.write(frames.pong_frame(payload))

    def _say(self, text: bytes) -> None:
        if self._waiting is None:
            self._hear(text)
        else:
            self._waiting.append(text)

    def _answer_close(self, payload: bytes) -> None:
        try:
            code = frames.code_of(payload)
        except frames.Violation as violation:
            return self.close(violation.code)
        self.write(frames.close_frame(Close.NORMAL))
        self._transport.close()
        self._finish(ABNORMAL if code is None else code, CLOSE_SECONDS)

    def pause_writing(self) -> None:
        self.on_behind()

    def eof_received(self) -> None:
        """Gone without a goodbye."""
        self.tell = _ignore

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_gone = True
        self.tell = self._hear = _ignore
        self.on_behind = _nothing
        then, self._on_end = self._on_end, None
        if then is not None:
            then()

    # ---- the end ----

    @property
    def end_code(self) -> int:
        """The close code that its end counts as."""
        return ABNORMAL if self.code is None else self.code

    def when_gone(self, then: Callable[[], None]) -> None:
        """Called once, when the connection is no more; at once if it is so already."""
        self._on_end = then
        if self.is_gone:
            then()

    def _finish(self, code: int, patience: float) -> None:
        self.code, self.tell = code, _ignore
        asyncio.get_running_loop().call_later(patience, self.cut_off)

    def cut_off(self) -> None:
        """Give the connection back to the kernel, whatever the peer has not read."""
        if not self.is_gone:
            self._transport.abort()

    def ping(self, now: float) -> None:
        self.pinged_at = now
        self.write(frames.PING_FRAME)


def _ignore(data: bytes) -> None:
    """Nobody listens."""


def _nothing() -> None:
    """Nobody wants to know."""
