"""Autobahn's list of cases (1.* to 7.*, 9.*, 10.*) on a live socket, as far as test_bad_frames.py has not got them.

Our messages are JSON, so what Autobahn would have echoed is a `ping` here, which is answered by a `pong`. Autobahn's
own client runs only on Python 2.7, for which nothing supported is left, so it is not run: these are its cases by hand.
12.* and 13.* (permessage-deflate) and 6.4.* (to fail at the first bad byte) are known deviations: see PROTOCOL.md.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
from living import Party
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401
from test_bad_frames import BINARY, CLOSE, LIMIT, PING, PONG, TEXT, Bytes

ASKED = b'{"type":"ping"}'


@pytest.fixture
async def gus(party: Party) -> AsyncIterator[Bytes]:
    connection = await Bytes.open(party.gus, party.slug)
    yield connection
    connection.writer.close()
    try:
        await connection.writer.wait_closed()
    except ConnectionError:
        pass  # the server was first


async def closing(gus: Bytes) -> int:
    """The code alone: that the server really goes is tested with the bad frames, and takes seconds each time."""
    opcode, payload = await gus.receive()
    assert opcode == CLOSE, payload
    return int.from_bytes(payload[:2])


def of_size(size: int) -> bytes:
    return ASKED[:-1] + b" " * (size - len(ASKED)) + b"}"


@pytest.mark.parametrize("size", [15, 125, 126, 127, 128, 65535, 65536])
async def test_1_texts_of_every_form_of_length(gus: Bytes, size: int) -> None:
    gus.send(TEXT, of_size(size))
    assert await gus.hear() == {"type": "pong"}


@pytest.mark.parametrize("chop", [1, 64, 1460])
async def test_1_and_9_it_does_not_matter_how_the_network_cuts(gus: Bytes, chop: int) -> None:
    whole = b"\x81\xfe" + struct.pack("!H", 400) + b"\0\0\0\0" + of_size(400)
    for at in range(0, len(whole), chop):
        gus.writer.write(whole[at:at + chop])
        await gus.writer.drain()
    assert await gus.hear() == {"type": "pong"}


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd", b"x" * 125])
async def test_2_pings_come_back_as_they_were(gus: Bytes, payload: bytes) -> None:
    for _ in range(10):
        gus.send(PING, payload)
    for _ in range(10):
        assert await gus.receive() == (PONG, payload)


@pytest.mark.parametrize("bits", [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
async def test_3_reserved_bits_mean_nothing_here(gus: Bytes, bits: int, opcode: int) -> None:
    gus.send(TEXT, ASKED)
    gus.send(opcode, b"", first=0x80 | bits)
    assert await gus.hear() == {"type": "pong"}
    assert await closing(gus) == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_4_reserved_opcodes(gus: Bytes, opcode: int) -> None:
    gus.send(TEXT, ASKED)
    gus.send(opcode, b"?")
    gus.send(PING, b"never answered")
    assert await gus.hear() == {"type": "pong"}
    assert await closing(gus) == 1002


async def test_5_pieces_of_nothing_are_pieces(gus: Bytes) -> None:
    for first, opcode, payload in [(0, TEXT, b""), (0, 0, ASKED), (0, 0, b""), (0x80, 0, b"")]:
        gus.send(opcode, payload, first=first)
    assert await gus.hear() == {"type": "pong"}


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_5_a_message_that_begins_inside_another(gus: Bytes, opcode: int) -> None:
    gus.send(TEXT, b"{", first=0)
    gus.send(opcode, ASKED)
    assert await closing(gus) == 1002


async def test_6_a_character_may_be_cut_in_two(gus: Bytes) -> None:
    text = '{"type":"ping","x":"κόσμε 😀"}'.encode()
    for at, byte in enumerate(text):
        gus.send(0 if at else TEXT, bytes([byte]), first=0x80 if at == len(text) - 1 else 0)
    assert await gus.hear() == {"type": "pong"}


@pytest.mark.parametrize("bad", [
    b"\x80", b"\xbf", b"\xc2", b"\xe1\x80", b"\xf0\x90\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xc1\xbf",
    b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xce\xba\xe1\xbd\xb9\xcf\xed",
])
async def test_6_what_is_no_utf_8_whole_or_in_pieces(gus: Bytes, bad: bytes) -> None:
    gus.send(TEXT, b'{"type":"ping","x":"' + bad, first=0)
    gus.send(0, b'"}')
    assert await closing(gus) == 1007


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_7_codes_that_may_travel(gus: Bytes, code: int) -> None:
    gus.send(CLOSE, struct.pack("!H", code) + b"x" * 123)
    gus.send(PING, b"said after goodbye, and not answered")
    assert await closing(gus) == 1000


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
async def test_7_codes_that_may_not(gus: Bytes, code: int) -> None:
    gus.send(CLOSE, struct.pack("!H", code))
    assert await closing(gus) == 1002


async def test_7_a_close_without_a_code(gus: Bytes) -> None:
    gus.send(CLOSE)
    assert await closing(gus) in (1000, 1005)


async def test_9_what_is_as_long_as_may_be_in_pieces_of_64_bytes(gus: Bytes) -> None:
    message = of_size(LIMIT)
    for at in range(0, LIMIT, 64):
        gus.send(0 if at else TEXT, message[at:at + 64], first=0x80 if at + 64 == LIMIT else 0)
    async with asyncio.timeout(10):
        assert await gus.hear() == {"type": "pong"}
    gus.send(TEXT, of_size(LIMIT + 1))
    assert await closing(gus) == 1009
