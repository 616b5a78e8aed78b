"""Bodies that are too long for memory: how they arrive, how slowly they may, and how a form is taken apart.

Knows requests and drafts; what becomes of a file is the business of those who ask for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from axenix.errors import Refused
from axenix.media_types import HEAD
from axenix.multipart import Begin, End, Event, Parser, boundary_of
from axenix.store.files import Draft, Files, at_the_disk
from axenix.store.people import Person
from axenix.web.guard import must_be
from axenix.web.house import house_of

log = logging.getLogger(__name__)

PIECE = 256 * 1024
PROGRESS = 64 * 1024
PATIENCE = 30.0
"""Seconds for so much progress: whoever is slower keeps a connection and a draft for nothing."""
FIELD = 8 * 1024
AROUND = 128 * 1024
"""What a form may have beside its file."""


class BrokenOff(Exception):
    """The body does not come to its end: the client has gone, is too slow, or writes nonsense."""


# ---- how a body arrives ---------------------------------------------------------------------------------------------


class Body:
    """The body of a request in pieces of at most 256 KiB or so; what has come is handed out before it breaks off."""

    def __init__(self, request: web.Request) -> None:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refused("unsupported_media_type", "Send the body without Content-Encoding.")
        self._content = request.content
        self._tally = house_of(request).tally
        self._patience: asyncio.Timeout | None = None
        self._is_over = False

    def stop(self) -> None:
        """Nobody wants the rest any more."""
        self._is_over = True
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def pieces(self) -> AsyncIterator[bytes]:
        piece, ended = bytearray(), False
        while not ended:
            try:
                ended = await self._some(piece)
            except (ClientError, web.RequestPayloadError, HttpProcessingError, OSError, ValueError) as error:
                if piece:
                    yield bytes(piece)
                raise BrokenOff(type(error).__name__) from error  # what it says may be of the file
            if len(piece) >= PIECE or (ended and piece):
                yield bytes(piece)
                piece.clear()

    async def _some(self, piece: bytearray) -> bool:
        """Progress, or the end."""
        if self._is_over:
            raise TimeoutError("nobody wants the rest")
        due = len(piece) + PROGRESS
        try:
            async with asyncio.timeout(PATIENCE) as self._patience:
                while len(piece) < due:
                    chunk = await self._content.readany()
                    if not chunk:
                        return True
                    piece += chunk
                    self._tally.upload_bytes += len(chunk)
        finally:
            self._patience = None
        return False


# ---- a form with a file ---------------------------------------------------------------------------------------------


@dataclass
class Form:
    draft: Draft
    fields: dict[str, str] = field(default_factory=dict)
    head: bytes = b""
    has_file: bool = False


@dataclass
class Terms:
    """What is accepted. Each check raises Refused as soon as it can be known."""

    limit: int | None
    """Bytes of the file."""
    accept: Callable[[bytes], object]
    """What it is, by its first bytes; whatever is not true is refused."""
    room: str | None = None
    """Against whose quota it counts while it arrives."""
    fit: Callable[[int], None] = lambda size: None
    """Whether so many bytes more may come."""


@asynccontextmanager
async def form(request: web.Request, person: Person, terms: Terms) -> AsyncIterator[Form]:
    """The form, its file a draft on the disk that is thrown away afterwards unless it was published."""
    house, body = house_of(request), Body(request)
    parser = Parser(boundary_of(request.headers.get("Content-Type", "")))
    expected = request.content_length or 0
    if terms.limit is not None and expected > terms.limit + AROUND:
        raise too_large(terms.limit)
    terms.fit(max(0, expected - AROUND))
    await at_the_disk(house.files.must_fit, expected)
    with house.uploads.by(person.id):
        arriving = Form(await at_the_disk(house.files.draft))
        try:
            with house.uploads.into(terms.room, arriving.draft):
                await receive(body, parser, Reader(arriving, terms, house.files))
                check(arriving, person, terms)
                yield arriving
        finally:
            await at_the_disk(arriving.draft.discard)


class Reader:
    """Puts together what the parser tells of."""

    def __init__(self, arriving: Form, terms: Terms, files: Files) -> None:
        self._form = arriving
        self._terms = terms
        self._files = files
        self._field: str | None = None
        self._text = bytearray()
        self._batch = bytearray()

    async def take(self, events: Iterator[Event]) -> None:
        for event in events:
            if isinstance(event, Begin):
                self._begin(str(event))
            elif isinstance(event, End):
                self._end()
            elif self._field == "file":
                self._batch += event
            else:
                self._text += event
                if len(self._text) > FIELD:
                    raise Refused("too_large", "A field of the form is too long.")
        if self._batch:
            await self._write(bytes(self._batch))
            self._batch.clear()

    def _begin(self, name: str) -> None:
        if name in self._form.fields or (name == "file" and self._form.has_file):
            raise Refused("bad_multipart", "The form has a field twice.")
        self._field = name
        self._form.has_file |= name == "file"

    def _end(self) -> None:
        if self._field is not None and self._field != "file":
            try:
                self._form.fields[self._field] = self._text.decode()
            except UnicodeDecodeError:
                raise Refused("bad_multipart", "The fields of a form are UTF-8.") from None
        self._text.clear()
        self._field = None

    async def _write(self, data: bytes) -> None:
        draft, terms = self._form.draft, self._terms
        if terms.limit is not None and draft.size + len(data) > terms.limit:
            raise too_large(terms.limit)
        terms.fit(len(data))
        if len(self._form.head) < HEAD:
            self._form.head += data[:HEAD - len(self._form.head)]
            if len(self._form.head) == HEAD:
                must_be_accepted(self._form.head, terms)
        await at_the_disk(self._to_disk, data)

    def _to_disk(self, data: bytes) -> None:
        self._files.must_fit(len(data))
        self._form.draft.write(data)


async def receive(body: Body, parser: Parser, reader: Reader) -> None:
    try:
        async for piece in body.pieces():
            await reader.take(parser.feed(piece))
    except BrokenOff as error:
        log.info("an upload broke off: %s", error)
        raise Refused("bad_multipart", "The form did not arrive as a whole.") from None
    parser.finish()


def check(arrived: Form, person: Person, terms: Terms) -> None:
    for name in ("actor_user_id", "uploader_user_id"):
        if name in arrived.fields:
            must_be(person, arrived.fields[name])
    if not arrived.has_file:
        raise Refused("bad_payload", "`file` is needed.")
    must_be_accepted(arrived.head, terms)


def must_be_accepted(head: bytes, terms: Terms) -> None:
    if not terms.accept(head):
        raise Refused("unsupported_media_type")


def too_large(limit: int) -> Refused:
    return Refused("too_large", f"A file has at most {limit / 2**20:g} MiB here.")
