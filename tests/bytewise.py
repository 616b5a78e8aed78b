"""A socket byte for byte, for tests that say what no library would say."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator

import orjson
import pytest
from living import Party

from axenix.client import Frame, Person

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LIMIT = 64 * 1024


class Bytes:
    """A socket byte for byte: sends what no library would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, person: Person, slug: str) -> Bytes:
        self = cls(*await asyncio.open_connection("127.0.0.1", int(person.base_url.rpartition(":")[2])))
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write((f"GET /ws/rooms/{slug} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                           f"Authorization: Bearer {person.token}\r\n\r\n").encode())
        assert b" 101 " in await self.reader.readuntil(b"\r\n\r\n")
        for _ in range(3):
            assert (await self.receive())[0] == TEXT
        return self

    def send(self, opcode: int, payload: bytes = b"", *, first: int = 0x80, size: int | None = None) -> None:
        """`first`: FIN and the reserved bits; `size`: what is declared, whatever comes then. The mask is zero."""
        size = len(payload) if size is None else size
        head = bytes([first | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += struct.pack("!BH", 0x80 | 126, size)
        else:
            head += struct.pack("!BQ", 0x80 | 127, size)
        self.writer.write(head + b"\0\0\0\0" + payload)

    async def receive(self) -> tuple[int, bytes]:
        async with asyncio.timeout(10):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2))
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8))
            return first & 15, await self.reader.readexactly(size)

    async def hear(self) -> Frame:
        opcode, payload = await self.receive()
        assert opcode == TEXT, (opcode, payload)
        frame: Frame = orjson.loads(payload)
        return frame

    async def lives(self) -> None:
        self.send(TEXT, b'{"type":"ping"}')
        assert await self.hear() == {"type": "pong"}

    async def code(self) -> int:
        """With which the server closes."""
        opcode, payload = await self.receive()
        assert opcode == CLOSE, payload
        return int.from_bytes(payload[:2])

    async def closed(self) -> int:
        """The same, and then it really goes; which takes seconds where it trusts nothing that is said any more."""
        code = await self.code()
        self.send(CLOSE, code.to_bytes(2))
        async with asyncio.timeout(5):
            try:
                assert await self.reader.read() == b""
            except ConnectionResetError:
                pass  # it has not waited for our answer
        return code


@pytest.fixture(name="socket")
async def socket_fixture(party: Party) -> AsyncIterator[Bytes]:
    """Gus, byte for byte."""
    connection = await Bytes.open(party.gus, party.slug)
    yield connection
    connection.writer.close()
    try:
        await connection.writer.wait_closed()
    except ConnectionError:
        pass  # it was the server that went, which is what some tests are about
