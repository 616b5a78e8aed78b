"""WebSocket framing, RFC 6455 section 5: what a client's bytes mean, and the server's messages as bytes.

Pure: bytes in, messages out, however the network has cut them. A message to many is framed once, because server frames
are not masked. Knows no sockets and no JSON.
"""

from __future__ import annotations

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
OPCODES = {CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG}
FIN, MASKED = 0x80, 0x80
PLAIN_TEXT = FIN | TEXT
SHORT = range(126)
"""Sizes that stand in the second byte."""
PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
PIECES = 4096
"""Fragments that one message may come in."""
SENDABLE = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
"""Close codes that may travel (section 7.4)."""


class Violation(Exception):
    """The peer has broken the framing: nothing after it can be trusted, and this close code says why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


Message = tuple[int, bytes]
"""TEXT, BINARY, CLOSE, PING or PONG, and what it holds: fragments have been joined."""


class FrameReader:
    """The frames of one client."""

    __slots__ = ("violation", "_limit", "_rest", "_needed", "_parts", "_opcode", "_size", "_pieces")

    def __init__(self, limit: int) -> None:
        """`limit` is the most bytes that a message may have."""
        self.violation: int | None = None
        """The close code to end the connection with, once the framing is broken; what comes after it is not read."""
        self._limit = limit
        self._rest = bytearray()
        """The beginning of a frame whose end has not come."""
        self._needed = 0
        """How many bytes `_rest` must have before it is worth another look."""
        self._parts: bytearray | None = None
        """The fragments of a message that is not complete."""
        self._opcode = 0
        self._size = 0
        self._pieces = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete, in order, up to a violation."""
        messages: list[Message] = []
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return messages
            data, self._rest = bytes(self._rest), bytearray()
        try:
            self._read(data, messages)
        except Violation as violation:
            self.violation = violation.code
        return messages

    def _read(self, data: bytes, messages: list[Message]) -> None:
        at, end = 0, len(data)
        while at < end:
            is_plain = data[at] == PLAIN_TEXT and self._parts is None  # nearly all there is
            if is_plain and end - at > 6 and (size := data[at + 1] - MASKED) in SHORT:
                body = at + 6
            else:
                size, body = self._measure(data, at, end)
            stop = body + size
            if stop > end:
                self._rest += data[at:]
                self._needed = stop - at
                return
            payload = unmask(data[body - 4:body], data[body:stop])
            if is_plain:
                messages.append((TEXT, payload))
            elif message := self._take(data[at], payload):
                messages.append(message)
            at = stop

    def _measure(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        """How long the payload is and where it begins, as far as the bytes that are there tell."""
        if end - at < 2:
            return 0, at + 6
        head, size = data[at], data[at + 1] & 0x7F
        if head & 0x70 or head & 0xF not in OPCODES or not data[at + 1] & MASKED:
            raise Violation(PROTOCOL_ERROR)
        if head & 0x8 and (size > 125 or not head & FIN):  # control frames are short and whole
            raise Violation(PROTOCOL_ERROR)
        body = at + 6
        if size > 125:
            digits = 2 if size == 126 else 8
            body += digits
            size = int.from_bytes(data[at + 2:at + 2 + digits]) if end - at >= 2 + digits else 0
        if size + self._size > self._limit and not head & 0x8:
            raise Violation(TOO_BIG)
        return size, body

    def _take(self, head: int, payload: bytes) -> Message | None:
        """One frame that is more than a whole text message."""
        opcode = head & 0xF
        if opcode & 0x8:
            return opcode, payload
        if (opcode == CONTINUATION) is (self._parts is None):
            raise Violation(PROTOCOL_ERROR)
        if self._parts is None:
            self._parts, self._opcode, self._pieces = bytearray(), opcode, 0
        self._parts += payload
        self._size += len(payload)
        self._pieces += 1
        if self._pieces > PIECES:  # of nothing, say, which no limit of bytes ever ends
            raise Violation(TOO_BIG)
        if not head & FIN:
            return None
        message = self._opcode, bytes(self._parts)
        self._parts, self._size = None, 0
        return message


_number = int.from_bytes  # looked up once: a class method is bound anew each time


def unmask(key: bytes, payload: bytes) -> bytes:
    """Section 5.3, on the whole payload at once as one long number."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (_number(payload) ^ _number(mask)).to_bytes(size)


def code_of(close: bytes) -> int | None:
    """The code of a close frame; None: it carries none. Raises Violation."""
    if not close:
        return None
    code = int.from_bytes(close[:2])
    if len(close) < 2 or code not in SENDABLE:
        raise Violation(PROTOCOL_ERROR)
    try:
        close[2:].decode()
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8) from None
    return code


def text_frame(payload: bytes) -> bytes:
    """One unfragmented text message."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


def close_frame(code: int) -> bytes:
    return b"\x88\x02" + code.to_bytes(2)


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping, which has at most 125 bytes."""
    return b"\x8a" + len(payload).to_bytes(1) + payload


PING_FRAME = b"\x89\x00"
