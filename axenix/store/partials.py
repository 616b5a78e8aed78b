"""Recordings that arrive in several requests: how much of each is safely on the disk, also after a crash.

Beside the bytes of an upload stands a small file that says what they are and how many of them count. Bytes beyond that
number are of a request that was cut off, and are written again. Called in a thread, except where it only looks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from axenix.store.files import BINARY, FLUSHED, on_disk, remove, write_all
from axenix.store.folder import write_whole

log = logging.getLogger(__name__)

BYTES, ABOUT = ".part", ".json"
KEPT_SECONDS = 24 * 3600


class Partial(Struct, kw_only=True):
    id: str
    room: int
    """Its number: the slug may have become another room's."""
    slug: str
    user_id: int
    length: int | None
    """None: not known yet."""
    metadata: str
    """As the client wrote it."""
    title: str
    duration_sec: float
    expires: float
    """Seconds since the epoch."""
    concat: str = ""
    """As the client wrote it: "partial" is joined with others in the end, "final;…" is what they were joined into."""
    offset: int = 0
    """Bytes that are on the disk and count."""
    name: str | None = None
    """All of it is there: what the recording's file is called from now on."""
    mime: str = ""
    sha256: str = ""
    done: bool = False
    """It has become a recording, and what is left here only says so."""

    @property
    def is_complete(self) -> bool:
        return self.offset == self.length

    @property
    def is_part(self) -> bool:
        """By itself it never becomes a recording."""
        return self.concat == "partial"


class Partials:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Partial] = {}
        self.turns: dict[str, asyncio.Lock] = {}

    def load(self) -> None:
        """What earlier processes have left; what belongs together no more goes."""
        for path in self._folder.glob(f"*{ABOUT}"):
            try:
                partial = msgspec.json.decode(path.read_bytes(), type=Partial)
                assert partial.id == path.stem
            except (msgspec.DecodeError, AssertionError):
                log.warning("%s is of no use", path.name)
                remove(path)
                continue
            self._known[partial.id] = partial
        for path in self._folder.iterdir():
            if path.suffix not in (BYTES, ABOUT) or path.stem not in self._known:
                remove(path)

    def find(self, upload_id: str) -> Partial | None:
        return self._known.get(upload_id) if re.fullmatch("[0-9a-f]{32}", upload_id, re.ASCII) else None

    def all(self) -> list[Partial]:
        """A list made in one step: threads add and remove uploads meanwhile."""
        return list(self._known.values())

    def size_of(self, room: int) -> int:
        """Bytes that the unfinished uploads of a room take."""
        return sum(each.offset for each in self.all() if each.room == room and not each.done)

    def bytes_of(self, partial: Partial) -> Path:
        return self._folder / (partial.id + BYTES)

    def add(self, partial: Partial) -> None:
        with on_disk():
            os.close(os.open(self.bytes_of(partial), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self.save(partial)
        self._known[partial.id] = partial

    def save(self, partial: Partial) -> None:
        with on_disk():
            write_whole(self._folder / (partial.id + ABOUT), msgspec.json.encode(partial))

    def remove(self, partial: Partial) -> None:
        self._known.pop(partial.id, None)
        self.turns.pop(partial.id, None)
        remove(self.bytes_of(partial))
        remove(self._folder / (partial.id + ABOUT))

    def join(self, whole: Partial, parts: list[Partial]) -> None:
        tail = Tail(self, whole)
        try:
            for part in parts:
                with on_disk(), open(self.bytes_of(part), "rb") as file:
                    while piece := file.read(FLUSHED):
                        tail.write(piece)
                        tail.flush()
            tail.commit()
        finally:
            tail.close()

    def turn(self, partial: Partial) -> asyncio.Lock:
        """One request at a time writes an upload."""
        return self.turns.setdefault(partial.id, asyncio.Lock())


def new_id() -> str:
    return secrets.token_hex(16)


class Tail:
    """The end of an upload, being written. What is not committed never was."""

    def __init__(self, partials: Partials, partial: Partial) -> None:
        self._partials = partials
        self._partial = partial
        self.written = 0
        with on_disk():
            self._number = os.open(partials.bytes_of(partial), os.O_WRONLY | BINARY)
            os.ftruncate(self._number, partial.offset)
            os.lseek(self._number, partial.offset, os.SEEK_SET)

    def write(self, data: bytes) -> None:
        with on_disk():
            write_all(self._number, data)
        self.written += len(data)

    def flush(self) -> None:
        with on_disk():
            os.fsync(self._number)

    def commit(self) -> None:
        """On the disk first, counted then."""
        self.flush()
        self._partial.offset += self.written
        self.written = 0
        self._partials.save(self._partial)

    def close(self) -> None:
        os.close(self._number)
