"""Autobahn's list of cases (1.* to 7.*, 9.*, 10.*) on a live socket, as far as test_bad_frames.py has not got them.

Our messages are JSON, so what Autobahn would have echoed is a `ping` here, which is answered by a `pong`. Autobahn's
own client runs only on Python 2.7, for which nothing supported is left, so it is not run: these are its cases by hand.
12.* and 13.* (permessage-deflate) and 6.4.* (to fail at the first bad byte) are known deviations: see PROTOCOL.md.
"""

from __future__ import annotations

import asyncio
import struct

import pytest
from bytewise import BINARY, CLOSE, LIMIT, PING, PONG, TEXT, Bytes
from bytewise import socket_fixture  # noqa: F401
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401

ASKED = b'{"type":"ping"}'


def of_size(size: int) -> bytes:
    return ASKED[:-1] + b" " * (size - len(ASKED)) + b"}"


@pytest.mark.parametrize("size", [15, 125, 126, 127, 128, 65535, 65536])
async def test_1_texts_of_every_form_of_length(socket: Bytes, size: int) -> None:
    socket.send(TEXT, of_size(size))
    assert await socket.hear() == {"type": "pong"}


@pytest.mark.parametrize("chop", [1, 64, 1460])
async def test_1_and_9_it_does_not_matter_how_the_network_cuts(socket: Bytes, chop: int) -> None:
    whole = b"\x81\xfe" + struct.pack("!H", 400) + b"\0\0\0\0" + of_size(400)
    for at in range(0, len(whole), chop):
        socket.writer.write(whole[at:at + chop])
        await socket.writer.drain()
    assert await socket.hear() == {"type": "pong"}


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd", b"x" * 125])
async def test_2_pings_come_back_as_they_were(socket: Bytes, payload: bytes) -> None:
    for _ in range(10):
        socket.send(PING, payload)
    for _ in range(10):
        assert await socket.receive() == (PONG, payload)


@pytest.mark.parametrize("bits", [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
async def test_3_reserved_bits_mean_nothing_here(socket: Bytes, bits: int, opcode: int) -> None:
    socket.send(TEXT, ASKED)
    socket.send(opcode, b"", first=0x80 | bits)
    assert await socket.hear() == {"type": "pong"}
    assert await socket.code() == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_4_reserved_opcodes(socket: Bytes, opcode: int) -> None:
    socket.send(TEXT, ASKED)
    socket.send(opcode, b"?")
    socket.send(PING, b"never answered")
    assert await socket.hear() == {"type": "pong"}
    assert await socket.code() == 1002


async def test_5_pieces_of_nothing_are_pieces(socket: Bytes) -> None:
    for first, opcode, payload in [(0, TEXT, b""), (0, 0, ASKED), (0, 0, b""), (0x80, 0, b"")]:
        socket.send(opcode, payload, first=first)
    assert await socket.hear() == {"type": "pong"}


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_5_a_message_that_begins_inside_another(socket: Bytes, opcode: int) -> None:
    socket.send(TEXT, b"{", first=0)
    socket.send(opcode, ASKED)
    assert await socket.code() == 1002


async def test_6_a_character_may_be_cut_in_two(socket: Bytes) -> None:
    text = '{"type":"ping","x":"κόσμε 😀"}'.encode()
    for at, byte in enumerate(text):
        socket.send(0 if at else TEXT, bytes([byte]), first=0x80 if at == len(text) - 1 else 0)
    assert await socket.hear() == {"type": "pong"}


@pytest.mark.parametrize("bad", [
    b"\x80", b"\xbf", b"\xc2", b"\xe1\x80", b"\xf0\x90\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xc1\xbf",
    b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xce\xba\xe1\xbd\xb9\xcf\xed",
])
async def test_6_what_is_no_utf_8_whole_or_in_pieces(socket: Bytes, bad: bytes) -> None:
    socket.send(TEXT, b'{"type":"ping","x":"' + bad, first=0)
    socket.send(0, b'"}')
    assert await socket.code() == 1007


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_7_codes_that_may_travel(socket: Bytes, code: int) -> None:
    socket.send(CLOSE, struct.pack("!H", code) + b"x" * 123)
    socket.send(PING, b"said after goodbye, and not answered")
    assert await socket.code() == 1000


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
async def test_7_codes_that_may_not(socket: Bytes, code: int) -> None:
    socket.send(CLOSE, struct.pack("!H", code))
    assert await socket.code() == 1002


async def test_7_a_close_without_a_code(socket: Bytes) -> None:
    socket.send(CLOSE)
    assert await socket.code() in (1000, 1005)


async def test_9_what_is_as_long_as_may_be_in_pieces_of_64_bytes(socket: Bytes) -> None:
    message = of_size(LIMIT)
    for at in range(0, LIMIT, 64):
        socket.send(0 if at else TEXT, message[at:at + 64], first=0x80 if at + 64 == LIMIT else 0)
    async with asyncio.timeout(10):
        assert await socket.hear() == {"type": "pong"}
    socket.send(TEXT, of_size(LIMIT + 1))
    assert await socket.code() == 1009
