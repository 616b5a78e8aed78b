"""The files of users in the data folder: what is arriving, and what has its place.

A file gets its name in its place once it is complete and on the disk; until then it is a draft, and drafts do not
outlive the process. Knows folders, names and free space; nothing of rooms, people or HTTP. Everything here may wait for
the disk, and is called in a thread.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from axenix.errors import Refused
from axenix.store.folder import flush, publish

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

FLOOR = 256 << 20
"""Bytes that uploads leave free: the database needs room, too."""
FLUSHED = 8 << 20
"""Bytes between two flushes: one great flush at the end would have the database wait behind it."""
DRAFT = ".draft"
HASHED_AT_ONCE = 1 << 20
BINARY = getattr(os, "O_BINARY", 0)
"""Without it Windows would write "\\r\\n" for every byte 10."""
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""Rooms may be called so, but on Windows no folder may."""
NO_DEVICE = "_"
"""What makes a folder's name of such a word; no slug has it."""
RECORDS = Path("static", "records")
"""Below the data folder: a folder for each room that has recordings."""


async def at_the_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """In a thread, which is done with the file before anybody else is, even if nobody waits for it any more."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class Leftover(NamedTuple):
    """What was there when the server started."""

    avatars: set[str]
    covers: set[str]
    records: dict[str, set[str]]
    """slug: names"""


@contextmanager
def on_disk() -> Iterator[None]:
    """A disk that does not do what it is asked is a refusal."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        log.error("a user's file cannot be written: %s", error)
        raise Refused("storage_full" if full else "storage_unavailable") from error


class Draft:
    """A file that is arriving, hashed on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.hash = hashlib.sha256()
        with on_disk():
            self._file = open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)

    def write(self, data: bytes) -> None:
        with on_disk():
            write_all(self._file.fileno(), data)
            if (self.size + len(data)) // FLUSHED != self.size // FLUSHED:
                os.fsync(self._file.fileno())
        self.hash.update(data)
        self.size += len(data)

    def publish(self, place: Path) -> None:
        """Complete: from now on it has a name, also after a power cut."""
        with on_disk():
            os.fsync(self._file.fileno())
            self._file.close()
            put(self.path, place)

    def discard(self) -> None:
        self._file.close()
        remove(self.path)


def write_all(number: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest):]


def settle(path: Path) -> None:
    """What another process has written is on the disk."""
    with on_disk():
        flush(path)


def put(draft: Path, place: Path) -> None:
    """Durable where it is now, and gone from where it was."""
    with on_disk():
        place.parent.mkdir(mode=0o700, exist_ok=True)
        publish(draft, place)


def remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # Windows keeps what somebody is reading; the next start takes it away
        log.warning("%s stays for now: %s", path.name, error)


def sha256_of(path: Path) -> str:
    found = hashlib.sha256()
    with on_disk(), open(path, "rb") as file:
        while piece := file.read(HASHED_AT_ONCE):
            found.update(piece)
    return found.hexdigest()


def folder_of(slug: str) -> str:
    """What a room's folder is called."""
    return slug + NO_DEVICE if slug in DEVICES else slug


class Files:
    def __init__(self, folder: Path) -> None:
        self.uploads = folder / "uploads"
        self.avatars = folder / "static" / "avatars"
        self.covers = folder / "static" / "covers"
        self.records = folder / RECORDS

    def prepare(self) -> Leftover:
        """Make the folders, throw away what an earlier process left half-done, and tell what is there."""
        for folder in (self.uploads, self.avatars, self.covers, self.records):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self.uploads.iterdir():
            if path.suffix == DRAFT:
                remove(path)
        for slug in DEVICES:
            if os.name != "nt" and (self.records / slug).is_dir():  # from before they had another name
                (self.records / slug).rename(self.of_room(slug))
        records = {slug: names(folder) for slug, folder in self.rooms()}
        return Leftover(names(self.avatars), names(self.covers), records)

    def draft(self) -> Draft:
        return Draft(self.uploads / f"{secrets.token_hex(16)}{DRAFT}")

    def of_room(self, slug: str) -> Path:
        return self.records / folder_of(slug)

    def rooms(self) -> Iterator[tuple[str, Path]]:
        """Slugs and folders of the rooms that have recordings."""
        return ((path.name.removesuffix(NO_DEVICE), path) for path in self.records.iterdir() if path.is_dir())

    def record(self, slug: str, name: str) -> Path:
        return self.of_room(slug) / name

    def must_fit(self, size: int) -> None:
        """Raises Refused("storage_full") when so many bytes more would leave too little."""
        with on_disk():
            free = shutil.disk_usage(self.uploads).free
        if free - size < FLOOR:
            raise Refused("storage_full")

    def remove_record(self, slug: str, name: str) -> None:
        remove(self.record(slug, name))
        try:
            self.of_room(slug).rmdir()
        except OSError:
            pass  # there are others

    def forget_room(self, slug: str, cover_url: str | None) -> None:
        if cover_url:
            remove(self.covers / cover_url.rpartition("/")[2])
        shutil.rmtree(self.of_room(slug), ignore_errors=True)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
