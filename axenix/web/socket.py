"""One WebSocket as the room's audience sees it: bytes in, no waiting, and an end that is certain.

Frames go straight to the transport, beside aiohttp's own writer, so that one framed event serves all peers. Knows the
traps of closing (a peer that does not read would hold a close for ever) and nothing of rooms.
"""

from __future__ import annotations

import asyncio
import itertools
import socket as sockets

from aiohttp import WSMsgType, web

from axenix import wire
from axenix.errors import Close

CLOSE_SECONDS = 2.0
"""How long a peer may take to answer our close before it is cut off."""
SLOW_SECONDS = 0.5
"""The same for one that has not been reading: it has had its time."""
LITTLE = 64 * 1024
"""Bytes left to send when a peer counts as drained."""
DRAIN_SECONDS = 5.0
SEND_BUFFER = 128 * 1024
"""The kernel would swallow megabytes for a peer that does not read, and no byte limit of ours would ever be reached."""
ABNORMAL = 1006

_numbers = itertools.count(1)


class Socket:
    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self.number = next(_numbers)
        self.user_id = 0
        self.written = 0
        self.code: int | None = None
        """Why we have closed it, once we have."""
        self._ws = ws
        self._transport = transport
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER)

    # ---- the face of audience.Peer ----

    def write(self, data: bytes) -> None:
        if self.code is None and not self._transport.is_closing():
            self._transport.write(data)
            self.written += len(data)

    def backlog(self) -> int:
        return self._transport.get_write_buffer_size()

    def close(self, code: int) -> None:
        if self.code is None:
            self.write(wire.close_frame(code))
            self.code = code
            patience = SLOW_SECONDS if code == Close.TOO_SLOW else CLOSE_SECONDS
            asyncio.get_running_loop().call_later(patience, self._transport.abort)

    async def drained(self) -> None:
        """Polls, because waiting on aiohttp's own drain and being cancelled there would poison the connection."""
        patience, least = DRAIN_SECONDS, self.backlog()
        while not self._transport.is_closing() and self.code is None:
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

    # ---- reading ----

    async def receive(self) -> bytes | None:
        """The next text frame, or None when the socket has ended. A binary one reads as JSON that no message is."""
        message = await self._ws.receive()
        if message.type is WSMsgType.TEXT:
            return message.data  # type: ignore[no-any-return]
        if message.type is WSMsgType.BINARY:
            return b"[]"
        if message.type is WSMsgType.CLOSE and self.code is None:
            self.write(wire.close_frame(Close.NORMAL))
            self.code = message.data or ABNORMAL
        return None

    def end(self) -> int:
        """Give the connection back to the kernel; the close code that this end counts as."""
        if self.backlog():
            self._transport.abort()  # close() would wait for a peer that may never read
        else:
            self._transport.close()
        return ABNORMAL if self.code is None else self.code
