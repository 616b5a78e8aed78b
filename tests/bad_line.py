"""A line that a test cuts: what a browser sends and receives goes through here, by TCP and by UDP, or is lost.

Browsers' own "offline" leaves sockets and calls that are open alone; a tunnel does not. While it is cut nothing is
refused and nothing is closed: it is silent. TCP is kept back meanwhile (its sender would repeat it), UDP is lost.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from playwright.async_api import Page

DETOUR = (Path(__file__).parent / "js" / "detour.js").read_text()
CHUNK = 65536
HOST = "127.0.0.1"


class BadLine:
    """`async with BadLine(server.url) as line: ... line.url ... line.cut = True`"""

    def __init__(self, url: str) -> None:
        self.cut = False
        self.url = ""
        self._target = urlsplit(url).port
        self._relays: dict[tuple[str, int], Relay] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def between(self, page: Page) -> None:
        """From now on whatever this page sends to other pages goes through the line."""
        await page.expose_function("relayTo", self._relay_to)
        await page.add_init_script(DETOUR)

    async def _relay_to(self, address: str, port: int) -> int:
        relay = self._relays.setdefault((address, port), Relay(self, (address, port)))
        return await relay.port()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(HOST, self._target)
        both = [asyncio.create_task(self._pump(reader, there[1])), asyncio.create_task(self._pump(there[0], writer))]
        self._tasks.update(both)
        await asyncio.wait(both)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                while self.cut:
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass  # the other end has gone: that is said by closing, below
        finally:
            writer.close()

    async def __aenter__(self) -> BadLine:
        self._server = await asyncio.start_server(self._carry, HOST, 0)
        self.url = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        self._server.close()
        for relay in self._relays.values():
            relay.close()
        for task in self._tasks:
            task.cancel()


class Relay(asyncio.DatagramProtocol):
    """One UDP address of somebody's, as the others see it; each who writes to it has a socket of his own behind it."""

    def __init__(self, line: BadLine, target: tuple[str, int]) -> None:
        self._line = line
        self._target = target
        self._front: asyncio.Task[asyncio.DatagramTransport] | None = None
        self._backs: dict[tuple[str, int], asyncio.Task[asyncio.DatagramTransport]] = {}

    async def port(self) -> int:
        self._front = self._front or asyncio.create_task(open_udp(self))
        return int((await self._front).get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        if self._line.cut:
            return
        back = self._backs.get(sender)
        if back is None:
            back = self._backs[sender] = asyncio.create_task(open_udp(Back(self, sender)))
        back.add_done_callback(lambda opened: opened.result().sendto(data, self._target))

    def answer(self, data: bytes, sender: tuple[str, int]) -> None:
        if self._front and not self._line.cut:
            self._front.result().sendto(data, sender)

    def close(self) -> None:
        for opened in [self._front, *self._backs.values()]:
            if opened and opened.done():
                opened.result().close()


class Back(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay, sender: tuple[str, int]) -> None:
        self._relay = relay
        self._sender = sender

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        self._relay.answer(data, self._sender)


async def open_udp(protocol: asyncio.DatagramProtocol) -> asyncio.DatagramTransport:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: protocol, (HOST, 0))
    return transport
