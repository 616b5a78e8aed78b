"""What is thrown at a server, by socket: frames that break RFC 6455, and texts that are no messages."""

from __future__ import annotations

import asyncio
import struct

import orjson
import pytest
from bytewise import BINARY, CLOSE, LIMIT, PING, PONG, TEXT, Bytes
from bytewise import socket_fixture  # noqa: F401
from living import Party
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401


# ---- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [LIMIT + 1, 10**6, 2**31, 2**62, 2**63, 2**64 - 1])
async def test_a_frame_declared_too_large_is_refused_before_it_comes(socket: Bytes, size: int) -> None:
    socket.send(TEXT, b"", size=size)
    assert await socket.code() == 1009


async def test_a_message_in_pieces_is_too_large_when_all_of_them_are(socket: Bytes) -> None:
    socket.send(TEXT, b" " * 40_000, first=0)
    socket.send(0, b" " * 40_000)
    assert await socket.code() == 1009


async def test_64_kib_in_one_or_more_frames_are_a_message(socket: Bytes) -> None:
    message = b'{"type":"ping"' + b" " * (LIMIT - 15) + b"}"
    assert len(message) == LIMIT
    socket.send(TEXT, message)
    assert await socket.hear() == {"type": "pong"}
    socket.send(TEXT, message[:1], first=0)
    socket.send(PING, b"in between")
    socket.send(0, message[1:9], first=0)
    socket.send(0, message[9:])
    assert await socket.receive() == (PONG, b"in between")
    assert await socket.hear() == {"type": "pong"}


@pytest.mark.parametrize("violation", [
    lambda it: it.send(TEXT, b"{}", first=0x80 | 0x40), lambda it: it.send(TEXT, b"{}", first=0x80 | 0x10),
    lambda it: it.send(3, b""), lambda it: it.send(7, b"x"), lambda it: it.send(11, b""), lambda it: it.send(15, b"x"),
    lambda it: it.send(PING, b"x", first=0), lambda it: it.send(CLOSE, b"", first=0),
    lambda it: it.send(PING, b"x" * 126), lambda it: it.send(0, b"x"), lambda it: it.send(0, b"", first=0),
    lambda it: (it.send(TEXT, b"x", first=0), it.send(TEXT, b"y")), lambda it: it.send(CLOSE, b"\x03"),
    lambda it: it.send(CLOSE, struct.pack("!H", 999)), lambda it: it.send(CLOSE, struct.pack("!H", 1005)),
], ids=["RSV1", "RSV3", "opcode 3", "opcode 7", "opcode 11", "opcode 15", "ping in pieces", "close in pieces",
        "long ping", "lone continuation", "lone piece", "text in text", "close of 1 byte", "close 999", "close 1005"])
async def test_a_violation_of_the_websocket_protocol_closes_with_1002(socket: Bytes, violation: object) -> None:
    violation(socket)  # type: ignore[operator]
    assert await socket.code() == 1002


@pytest.mark.parametrize("text", [
    b"\xff", b'{"type":"ping","x":"\xc3"}', b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80",
])
async def test_a_text_that_is_not_utf_8_closes_with_1007(socket: Bytes, text: bytes) -> None:
    socket.send(TEXT, text)
    assert await socket.code() == 1007


async def test_a_close_whose_reason_is_not_utf_8_is_a_violation_too(socket: Bytes) -> None:
    socket.send(CLOSE, b"\x03\xe8\xff")
    assert await socket.code() in (1002, 1007)


async def test_a_violation_loses_the_connection_and_not_the_place(party: Party, socket: Bytes) -> None:
    socket.send(3, b"")
    assert await socket.closed() == 1002
    async with asyncio.timeout(5):
        while (await party.members())[party.gus.id]["status"] != "lost":
            await asyncio.sleep(0.01)


async def test_pings_are_answered_and_pongs_are_not(socket: Bytes) -> None:
    socket.send(PONG, b"unasked for")
    socket.send(PING, b"x" * 125)
    assert await socket.receive() == (PONG, b"x" * 125)


async def test_pings_and_pongs_without_end_are_a_flood(socket: Bytes) -> None:
    for n in range(300):
        socket.send(PING if n % 2 else PONG, b"x")
    answers = 0
    while (frame := await socket.receive())[0] == PONG:
        answers += 1
    assert frame == (CLOSE, (4009).to_bytes(2)) and 50 <= answers <= 60


async def test_a_message_that_never_ends_is_held_for_as_long_as_its_size_allows(socket: Bytes) -> None:
    socket.send(TEXT, b"", first=0)
    for _ in range(2000):
        socket.send(0, b" ", first=0)
    socket.send(PING, b"still there")
    assert await socket.receive() == (PONG, b"still there")
    for _ in range(2200):
        socket.send(0, b"", first=0)
    assert await socket.closed() == 1009


NO_IDS = [b"1e999", b"18446744073709551616", b"9223372036854775808", b"9007199254740992", b"true", b'"1"', b"-1", b"0",
          b"1.5", b"1.0", b"9" * 5000, b"[]", b"{}"]

# ---- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    b"", b" ", b"{", b"}", b"nul", b"'x'", b"{'type':'ping'}", b'{"type":"ping"', b'{"type":"ping"}{}',
    b'{"type":NaN}', b'{"type":"ping",}', b"\xef\xbb\xbf{}", b"[" * 30_000, b'{"a":' * 10_000, b"\0",
    b'{"type":"ping","a":' + b"[" * 20_000,
    b'{"type":"chat.message","text":"\\ud800"}', b'{"type":"chat.message","text":"a\x01b"}', b"-", b"1" * 5000 + b"x",
])
async def test_what_is_no_json_is_refused_and_the_connection_lives(socket: Bytes, text: bytes) -> None:
    socket.send(TEXT, text)
    error = await socket.hear()
    assert (error["type"], error["reason"] in ("bad_json", "bad_payload")) == ("error", True)
    await socket.lives()


@pytest.mark.parametrize("text", [
    b"null", b"[]", b"5", b'"ping"', b"true", b"1e999", b"9" * 5000, b"{}", b'{"type":5}', b'{"type":null}',
    b'{"type":[]}', b'{"Type":"ping"}', b'[{"type":"ping"}]', b'{"type":"ping","cid":5}',
    *(b'{"type":"hand.lower","user_id":' + number + b"}" for number in NO_IDS),
    *(b'{"type":"sync.sub","after_seq":' + number + b"}" for number in NO_IDS if number != b"0"),
])
async def test_what_is_no_message_is_refused_and_the_connection_lives(socket: Bytes, text: bytes) -> None:
    socket.send(TEXT, text)
    error = await socket.hear()
    assert (error["type"], error["reason"] in ("bad_payload", "bad_json")) == ("error", True)
    assert error["reason"] == "bad_payload" or b"e999" in text or len(text) >= 5000, error
    await socket.lives()


async def test_a_binary_frame_is_refused_and_the_connection_lives(socket: Bytes) -> None:
    for payload in (b"", b"\xff\xfe", b'{"type":"ping"}'):
        socket.send(BINARY, payload)
        assert (await socket.hear())["reason"] == "bad_payload"
    await socket.lives()


@pytest.mark.parametrize("name", ["nonsense", "", "PING", "ping ", "joined", "member.kicked", "__init__", "x" * 10_000])
async def test_an_unknown_type_is_named_in_the_refusal_but_not_at_length(socket: Bytes, name: str) -> None:
    socket.send(TEXT, orjson.dumps({"type": name, "cid": "c"}))
    error = await socket.hear()
    assert (error["reason"], error["cid"]) == ("unknown_message_type", "c")
    assert name[:65] not in str(error) or len(name) <= 64
    await socket.lives()


async def test_twice_the_same_key_is_one_message_or_none(socket: Bytes) -> None:
    socket.send(TEXT, b'{"type":"ping","type":"ping"}')
    assert (await socket.hear())["type"] in ("pong", "error")
    await socket.lives()


async def test_controls_in_text_are_refused_or_removed_and_never_stored(party: Party, socket: Bytes) -> None:
    socket.send(TEXT, b'{"type":"chat.message","text":"a\\u0000b\\u001b[31m\\u0007c\\u007f\\u0085d","cid":"c"}')
    frame = await socket.hear()
    assert frame["type"] == "error" or frame["text"] == "ab[31mcd"
    assert not any(ord(character) < 32 for message in (await party.gus.get(f"/api/chat/{party.slug}"))["items"]
                   for character in message["text"])


async def test_twenty_bad_frames_in_a_minute_end_the_stay_with_4009(party: Party, socket: Bytes) -> None:
    olga = await party.come(party.olga)
    for n in range(19):
        socket.send(*((TEXT, b"nonsense"), (BINARY, b"x"), (TEXT, b'{"type":"x"}'), (TEXT, b'{"type":"offer"}'))[n % 4])
        assert (await socket.hear())["type"] == "error"
    await socket.lives()
    socket.send(TEXT, b"nonsense")
    assert (await socket.hear())["type"] == "error"
    assert await socket.closed() == 4009
    assert (await olga.until("member.left"))["user_id"] == party.gus.id


async def test_refusals_by_the_rules_are_no_bad_frames(socket: Bytes) -> None:
    for _ in range(40):
        socket.send(TEXT, b'{"type":"record.start"}')
        assert (await socket.hear())["reason"] == "forbidden"
    await socket.lives()
