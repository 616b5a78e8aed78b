"""Framing, RFC 6455 section 5: the same messages however the network cuts them, and an end for rule breakers."""

from __future__ import annotations

import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as some

from axenix.frames import (
    BINARY, CLOSE, FIN, NOT_UTF8, PIECES, PING, PROTOCOL_ERROR, TEXT, TOO_BIG, FrameReader, Message, Violation,
    close_frame, code_of, text_frame,
)

LIMIT = 1000


def sent(
    payload: bytes, head: int = FIN | TEXT, *, size: bytes | None = None, key: bytes = b"\x01\x80\xff\x2a"
) -> bytes:
    """One frame as a client sends it; `size` is what it says of its length."""
    length = len(payload)
    if size is None:
        size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2)
    masked = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    return bytes([head, size[0] | 0x80]) + size[1:] + key + masked


def read(*chunks: bytes) -> tuple[list[Message], int | None]:
    reader = FrameReader(LIMIT)
    return [message for chunk in chunks for message in reader.feed(chunk)], reader.violation


@given(some.lists(some.binary(max_size=300), max_size=6), some.lists(some.integers(0, 2000), max_size=8))
def test_messages_are_the_same_however_they_are_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(sent(payload, key=os.urandom(4)) for payload in payloads)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:stop] for start, stop in zip(places, places[1:], strict=False)]
    assert read(*chunks) == ([(TEXT, payload) for payload in payloads], None)


@given(some.binary(max_size=LIMIT), some.lists(some.integers(0, LIMIT), max_size=4))
def test_fragments_are_one_message_and_a_ping_may_come_between_them(payload: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    pieces = [payload[start:stop] for start, stop in zip(places, places[1:], strict=False)]
    heads = [BINARY, *[0] * (len(pieces) - 1)]
    heads[-1] |= FIN
    frames = [sent(piece, head) for head, piece in zip(heads, pieces, strict=True)]
    ping = sent(b"?", FIN | PING)
    pings = [(PING, b"?")] * len(frames)
    assert read(ping.join([b"", *frames])) == ([*pings, (BINARY, payload)], None)


@pytest.mark.parametrize("frame", [
    b"\x81\x01a",  # not masked
    *(sent(b"", FIN | TEXT | bit) for bit in (0x40, 0x20, 0x10)),
    *(sent(b"", FIN | opcode) for opcode in (0x3, 0x7, 0xB, 0xF)),
    sent(b"", PING), sent(b"x" * 126, FIN | PING),
    sent(b"", FIN), sent(b"a", TEXT) + sent(b"b"),
])
def test_who_breaks_the_framing_is_not_read_any_further_and_what_came_before_counts(frame: bytes) -> None:
    messages, violation = read(sent(b"before") + frame + sent(b"after"))
    assert violation == PROTOCOL_ERROR and messages == [(TEXT, b"before")]


@pytest.mark.parametrize("frame", [
    *(sent(b"", size=b"\x7f" + size.to_bytes(8)) for size in (LIMIT + 1, 1 << 63, (1 << 64) - 1)),
    sent(b"", size=b"\x7e" + (LIMIT + 1).to_bytes(2)),
    sent(b"x" * LIMIT, TEXT) + sent(b"x", FIN),
])
def test_what_is_too_long_is_refused_by_its_announcement(frame: bytes) -> None:
    """Before any of it has come, so nothing of it is ever held."""
    assert read(frame)[1] == TOO_BIG
    assert read(sent(b"x" * LIMIT)) == ([(TEXT, b"x" * LIMIT)], None)


def test_a_dribbler_costs_no_more_than_what_is_sent() -> None:
    reader = FrameReader(64 * 1024)
    frame = sent(b"x" * 60_000)
    assert [message for byte in frame for message in reader.feed(bytes([byte]))] == [(TEXT, b"x" * 60_000)]


@pytest.mark.parametrize("payload, code", [(b"", None), (b"\x03\xe8", 1000), (b"\x0f\xa0bye", 4000)])
def test_a_close_says_why_or_nothing(payload: bytes, code: int | None) -> None:
    assert read(sent(payload, FIN | CLOSE)) == ([(CLOSE, payload)], None) and code_of(payload) == code


@pytest.mark.parametrize("payload, code", [
    (b"\x03", PROTOCOL_ERROR), (b"\x03\xe8\xff", NOT_UTF8),
    *((code.to_bytes(2), PROTOCOL_ERROR) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)),
])
def test_a_close_with_a_code_that_may_not_travel_is_a_violation(payload: bytes, code: int) -> None:
    with pytest.raises(Violation) as caught:
        code_of(payload)
    assert caught.value.code == code


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_what_the_server_frames_has_its_length_in_the_shortest_form(size: int) -> None:
    head = text_frame(b"x" * size)[:-size or None]
    assert head[0] == FIN | TEXT
    assert len(head) == (2 if size < 126 else 4 if size < 65536 else 10)
    assert int.from_bytes(head[2:] or head[1:]) == size
    assert close_frame(4008) == b"\x88\x02\x0f\xa8"


@pytest.mark.parametrize("piece, most", [(b"", 500), (b"x", 2 * PIECES)])
def test_small_pieces_cost_what_they_hold(piece: bytes, most: int) -> None:
    reader, pieces = FrameReader(64 * 1024), sent(piece, 0) * 1000
    reader.feed(sent(b"a", TEXT))
    tracemalloc.start()
    try:
        reader.feed(pieces)
        assert tracemalloc.get_traced_memory()[0] < most
    finally:
        tracemalloc.stop()
    assert reader.feed(sent(b"b", FIN)) == [(TEXT, b"a" + piece * 1000 + b"b")]


def test_a_message_in_too_many_pieces_is_too_big_also_when_they_hold_nothing() -> None:
    reader = FrameReader(64 * 1024)
    reader.feed(sent(b"", TEXT) + sent(b"", 0) * (PIECES - 2))
    assert reader.feed(sent(b"", FIN)) == [(TEXT, b"")]
    reader.feed(sent(b"", TEXT) + sent(b"", 0) * (PIECES - 1))
    assert reader.violation is None
    assert reader.feed(sent(b"", FIN)) == [] and reader.violation == TOO_BIG
