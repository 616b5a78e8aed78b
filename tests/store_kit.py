"""An open store in a temporary folder, and ways to make its disk stall and fail.

Knows the store's public face, and a little of what is behind it: the writing connection, and the form of SQLite's log.
"""

from __future__ import annotations

import sqlite3
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import until

from axenix.lines import Card, Claim, Kind, Line, Writing, write_line
from axenix.room.events import ChatDeleted, ChatPosted, Entry
from axenix.store.catalogue import Catalogue
from axenix.store.connection import in_thread
from axenix.store.database import Database
from axenix.store.journal import SqliteJournal
from axenix.store.people import People

CARD = Card("A room", "", False, False, False, None, None)
NOW = "2026-11-22T16:30:00.123Z"
EPOCH = "0123456789abcdef" * 2


@dataclass
class Store:
    folder: Path
    database: Database
    fatal: list[tuple[str, int]]
    """What the process was told to end for."""
    journal: SqliteJournal = field(init=False)
    catalogue: Catalogue = field(init=False)
    people: People = field(init=False)

    def __post_init__(self) -> None:
        self.journal, self.catalogue = SqliteJournal(self.database), Catalogue(self.database)
        self.people = People(self.database)

    async def room(self, slug: str = "room", card: Card = CARD, frozen: bytes = b"{}") -> int:
        owner = await self.people.find(1) or await self.people.create("Owner")
        return await self.catalogue.create(slug, owner.id, NOW, EPOCH, card, frozen)

    async def claimed(self, slug: str = "room") -> tuple[int, Claim]:
        room = await self.room(slug)
        return room, await self.journal.claim(room)

    async def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Look behind the store's face."""
        return await self.database.read(lambda db: db.execute(statement, values).fetchall())

    async def in_writer(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """In the writing thread, also while writing is refused."""
        return await in_thread(self.database._writer._connection, work)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    """Closed at the end, with no thread left behind."""
    before = workers()
    fatal: list[tuple[str, int]] = []
    database = await Database.open(folder, lambda message, code: fatal.append((message, code)))
    try:
        yield Store(folder, database, fatal)
    finally:
        await database.close()
    await until(lambda: workers() <= before)


def workers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "connection_worker" in thread.name}


@contextmanager
def stalled(store: Store) -> Iterator[Callable[[], None]]:
    """A commit takes for ever: until the end, or until the yielded function is called."""
    go_on = threading.Event()
    store.database.write(lambda db: go_on.wait(20))
    try:
        yield go_on.set
    finally:
        go_on.set()


@asynccontextmanager
async def full(store: Store) -> AsyncIterator[None]:
    """The database may not grow by one more page."""
    await store.in_writer(lambda db: db.execute("PRAGMA max_page_count=1").fetchall())
    try:
        yield
    finally:
        await store.in_writer(lambda db: db.execute(f"PRAGMA max_page_count={1 << 30}").fetchall())


def commits_in_log(folder: Path) -> int:
    """How many transactions the write-ahead log holds, by its own account (sqlite.org/fileformat2.html, section 4)."""
    log = (folder / "axenix.db-wal").read_bytes()
    if not log:
        return 0
    page, salt = struct.unpack(">I", log[8:12])[0], log[16:24]
    frames = (log[at:at + 24] for at in range(32, len(log), page + 24))
    return sum(1 for frame in frames if frame[8:16] == salt and frame[4:8] != b"\0\0\0\0")


def event(seq: int) -> Line:
    return Line(seq, Kind.EVENT, b'{"type":"hand.raised","seq":%d}' % seq)


def deed(seq: int) -> Line:
    return Line(seq, Kind.MODERATION, b'{"type":"member.kicked","seq":%d}' % seq)


def chat(seq: int, text: str = "hello") -> Line:
    return write_line(Entry(ChatPosted(user_id=1, seq=seq, id=seq, created_at=NOW, room_slug="room", text=text)))


def deletion(seq: int, of: int) -> Line:
    return write_line(Entry(ChatDeleted(id=of, by_user=1, seq=seq, created_at=NOW)))


def some(first: int, last: int, text: str = "hello") -> Writing:
    """Lines of all kinds."""
    makers: list[Callable[[int], Line]] = [event, lambda seq: chat(seq, text), deed]
    return Writing([makers[seq % 3](seq) for seq in range(first, last + 1)])
