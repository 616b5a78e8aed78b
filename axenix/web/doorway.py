"""Connections while they are still HTTP: how many there may be, and that whoever asks also takes the answer.

A connection costs memory and a descriptor before anyone knows whose it is, so it is counted when it is made. The time
that a request may take to come is the business of `__main__` and of those who read bodies. Knows nothing of requests.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sized
from typing import Any

import msgspec
from aiohttp import web

from axenix.errors import Refused
from axenix.web.addresses import is_among, throttle_key
from axenix.written import Network

PATIENCE = 60.0
"""Seconds in which at least something of an answer has to be taken."""
UNSENT = 256 * 2**20
"""Bytes of answers that may wait for all who are slow to take them."""


class Doorway:
    def __init__(self, per_address: int, trusted: Iterable[Network], most: int, sockets: Sized) -> None:
        """`most` in all, those that have become `sockets` included; 0, here as there: no limit."""
        self._per_address = per_address
        self._trusted = tuple(trusted)
        self._most = most
        self._sockets = sockets
        self._open: dict[asyncio.Transport, str] = {}
        self._by_address: dict[str, int] = {}
        self._unsent: dict[asyncio.Transport, tuple[int, float]] = {}
        """(bytes, since when it is exactly so many) of those that have not taken all of an answer"""

    def __len__(self) -> int:
        return len(self._open)

    def come(self, transport: asyncio.Transport) -> Refused | None:
        """Why it may not stay; it counts until it has gone all the same."""
        address = self._address(transport)
        self._open[transport] = address
        self._by_address[address] = self._by_address.get(address, 0) + 1
        if self._most and len(self._open) + len(self._sockets) > self._most:
            return Refused("overloaded")
        if address and 0 < self._per_address < self._by_address[address]:
            return Refused("rate_limited", f"At most {self._per_address} connections from one address.")
        return None

    def go(self, transport: asyncio.Transport) -> None:
        """It has ended, or become a socket."""
        address = self._open.pop(transport, None)
        self._unsent.pop(transport, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _address(self, transport: asyncio.Transport) -> str:
        """Empty: it stands for many, as a proxy of ours does, and a Unix socket."""
        peer: Any = transport.get_extra_info("peername")
        if not isinstance(peer, tuple) or is_among(peer[0], self._trusted):
            return ""
        return throttle_key(peer[0])

    def sweep(self, now: float) -> None:
        """Now and then: those go who take nothing of their answer, and, of too much that waits, the largest."""
        for transport in list(self._open):
            size = transport.get_write_buffer_size()
            if not size:
                self._unsent.pop(transport, None)
            elif self._unsent.get(transport, (0, now))[0] != size:
                self._unsent[transport] = size, now
            elif now - self._unsent[transport][1] > PATIENCE:
                transport.abort()
        waiting = sorted((size, number) for number, (size, _) in enumerate(self._unsent.values()))
        everyone, total = list(self._unsent), sum(size for size, _ in waiting)
        while total > UNSENT:
            size, number = waiting.pop()
            everyone[number].abort()
            total -= size


def turn_away(transport: asyncio.Transport, refused: Refused) -> None:
    """Before a request has been read: the shortest answer that HTTP knows."""
    body = msgspec.json.encode(refused.body())
    phrase = {429: "Too Many Requests", 503: "Service Unavailable"}[refused.status]
    head = (f"HTTP/1.1 {refused.status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n")
    transport.write(head.encode() + body)
    transport.close()


def make_room() -> int:
    """Takes all descriptors that the system allows; answers for how many connections, a quarter kept for files."""
    if sys.platform == "win32":
        return 0  # not limited in this way
    import resource
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most * 3 // 4


class Entrance(web.Server):
    """aiohttp's server, which tells the doorway who comes and goes."""

    def __init__(self, doorway: Doorway, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._doorway = doorway

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if refused := self._doorway.come(transport):  # not at once: aiohttp is about to start the connection's task
            asyncio.get_running_loop().call_soon(turn_away, transport, refused)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        if transport := self._connections.get(handler):
            self._doorway.go(transport)
        super().connection_lost(handler, exc)


class Runner(web.AppRunner):
    """aiohttp's runner, with that entrance."""

    def __init__(self, app: web.Application, doorway: Doorway, **how: Any) -> None:
        super().__init__(app, **how)
        self._doorway = doorway

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return Entrance(self._doorway, made.request_handler, request_factory=made.request_factory, **made._kwargs)
