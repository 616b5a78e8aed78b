"""RFC 6455 from the client's side, as little as a load needs. Knows bytes, not sockets or messages."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class Found(NamedTuple):
    """A frame inside a chunk: its payload is chunk[start:end]."""

    opcode: int
    start: int
    end: int


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Masked with the key 0, which leaves the payload as it is: the server unmasks it all the same, at full price."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


def frame_at(chunk: bytes, at: int) -> Found | None:
    """The server's frame that begins here, if all of it is here."""
    have = len(chunk) - at
    if have < 2:
        return None
    size, start = chunk[at + 1], at + 2
    if size == 126:
        size, start = int.from_bytes(chunk[at + 2:at + 4]), at + 4
    elif size == 127:
        size, start = int.from_bytes(chunk[at + 2:at + 10]), at + 10
    if start > len(chunk) or start + size > len(chunk):
        return None
    return Found(chunk[at] & 15, start, start + size)


def close_code(payload: bytes) -> int:
    return int.from_bytes(payload[:2]) if len(payload) >= 2 else 1005


def handshake(host: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def after_handshake(received: bytes) -> bytes | None:
    """What follows the answer's headers, once they are all here. Raises ConnectionError for any status but 101."""
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    status = ANSWER.match(head)
    if status is None or status[1] != b"101":
        raise ConnectionError(f"the upgrade was answered with {status[1].decode() if status else head[:40]!r}")
    return rest
