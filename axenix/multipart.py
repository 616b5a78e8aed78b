"""multipart/form-data (RFC 7578), piece by piece: bytes in, the beginnings, contents and ends of parts out.

Pure, and holds no more than a piece and a part's headers. Knows neither files nor fields, nor how bytes arrive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message

from axenix.errors import Refused

MAX_PARTS = 8
MAX_HEADERS = 8 * 1024
MAX_PREAMBLE = 4 * 1024


class Begin(str):
    """A part begins; this is its field's name."""


class End:
    """The part is complete."""


Event = Begin | bytes | End


def boundary_of(content_type: str) -> bytes:
    """What separates the parts. Raises Refused."""
    message = Message()
    message["Content-Type"] = re.sub(r"[\r\n]", " ", content_type)
    if message.get_content_type() != "multipart/form-data":
        raise Refused("unsupported_media_type", "Send the file as multipart/form-data.")
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not re.fullmatch(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[^ ]", boundary, re.ASCII):
        raise Refused("bad_multipart", "The boundary is missing, or not one.")
    return boundary.encode("ascii", "replace")


class Parser:
    """`feed` it everything in order; then `finish`. Both raise Refused("bad_multipart")."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._waiting = bytearray(b"\r\n")  # the first delimiter needs no line before it
        self._step = self._preamble
        self._parts = 0
        self._skipped = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        self._waiting += data
        going_on = True
        while going_on:
            step = self._step
            found = list(step())
            yield from found
            going_on = self._step != step or bool(found)

    def finish(self) -> None:
        if self._step != self._epilogue:
            raise Refused("bad_multipart", "The form ends in the middle.")

    def _until_delimiter(self) -> tuple[bytes, bool]:
        """What certainly comes before the next delimiter, and whether that is there already."""
        found = self._waiting.find(self._delimiter)
        is_there = found >= 0
        end = found if is_there else max(0, len(self._waiting) - len(self._delimiter) + 1)
        before = bytes(memoryview(self._waiting)[:end])
        del self._waiting[:found + len(self._delimiter) if is_there else end]
        return before, is_there

    def _preamble(self) -> Iterator[Event]:
        before, is_there = self._until_delimiter()
        self._skipped += len(before)
        if self._skipped > MAX_PREAMBLE:
            raise Refused("bad_multipart", "The form does not begin.")
        if is_there:
            self._step = self._after_delimiter
        yield from ()

    def _after_delimiter(self) -> Iterator[Event]:
        del self._waiting[:len(self._waiting) - len(self._waiting.lstrip(b" \t"))]
        if self._waiting.startswith(b"--"):
            self._step = self._epilogue
        elif self._waiting.startswith(b"\r\n"):
            del self._waiting[:2]
            self._step = self._headers
        elif len(self._waiting) >= 2:
            raise Refused("bad_multipart")
        yield from ()

    def _headers(self) -> Iterator[Event]:
        end = self._waiting.find(b"\r\n\r\n")
        if end > MAX_HEADERS or (end < 0 and len(self._waiting) > MAX_HEADERS):
            raise Refused("bad_multipart", "A part's headers are too long.")
        if end < 0:
            return
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Refused("bad_multipart", f"A form has at most {MAX_PARTS} parts here.")
        raw = bytes(self._waiting[:end])
        del self._waiting[:end + 4]
        self._step = self._content
        yield Begin(name_in(raw))

    def _content(self) -> Iterator[Event]:
        before, is_there = self._until_delimiter()
        if before:
            yield before
        if is_there:
            self._step = self._after_delimiter
            yield End()

    def _epilogue(self) -> Iterator[Event]:
        self._waiting.clear()
        yield from ()


def name_in(headers: bytes) -> str:
    """The field's name in a part's Content-Disposition. The file's name there is nobody's business."""
    for line in headers.split(b"\r\n"):
        title, _, value = line.partition(b":")
        if title.strip().lower() != b"content-disposition":
            continue
        kind, _, parameters = value.partition(b";")
        found = re.search(rb'(?:^|;)\s*name="([^"\\\0]{1,200})"', parameters) or re.search(
            rb"(?:^|;)\s*name=([^\s;\"\0]{1,200})", parameters)
        if kind.strip().lower() == b"form-data" and found:
            return found[1].decode("utf-8", "replace")
    raise Refused("bad_multipart", "A part does not say which field it is.")
