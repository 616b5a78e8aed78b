"""A database as it lies on the disk, read from outside at one moment: its rooms as they were, the files that it names.

Safe beside the server that writes it: a connection that only reads, in one transaction, sees one moment and neither
moves nor deletes the log. Everything here is synchronous and may take its time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from axenix.errors import CannotStart
from axenix.lines import Kind, Line, read_line
from axenix.room.fold import apply
from axenix.room.state import Law, Recording, Room, thaw
from axenix.store.connection import READER, apply_pragmas, read_only
from axenix.store.files import RECORDS, folder_of
from axenix.store.folder import DATABASE

READ = 1000
"""Lines at a time."""

ROOMS = """
SELECT id, slug, created_by, epoch, purged, snapshots.seq, frozen
FROM rooms LEFT JOIN snapshots ON room = id ORDER BY id
"""
LINES = """
SELECT seq, kind, body, aside FROM events WHERE room = :room AND seq > :after
UNION ALL SELECT seq, 1, body, aside FROM chat WHERE room = :room AND seq > :after
ORDER BY seq LIMIT :limit
"""


class Shelf(NamedTuple):
    """A room as the tables have it."""

    id: int
    slug: str
    created_by: int
    epoch: str
    purged: int
    """Older events may be gone."""
    frozen_seq: int | None
    """None: it has no snapshot, which must not be."""
    frozen: bytes | None


class Named(NamedTuple):
    """The files that a database names."""

    avatars: set[str]
    covers: set[str]
    records: dict[Path, Recording]
    """By the path below the data folder."""

    def paths(self) -> list[Path]:
        """Of all of them, below the data folder."""
        pictures = [("avatars", name) for name in self.avatars] + [("covers", name) for name in self.covers]
        return sorted([*(Path("static", *each) for each in pictures), *self.records])


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """One moment of the folder's database. Raises CannotStart where there is none."""
    path = folder / DATABASE
    if not path.is_file():
        raise CannotStart(f"there is no database {path}; --data-dir names the server's data folder")
    try:
        db = sqlite3.connect(read_only(path), uri=True, isolation_level=None)
        try:
            apply_pragmas(READER, db)
            db.execute("BEGIN")
            yield db
        finally:
            db.close()
    except sqlite3.OperationalError as error:
        raise CannotStart(f"the database {path} cannot be read: {error}") from None


def shelves(db: sqlite3.Connection) -> list[Shelf]:
    return [Shelf(*row) for row in db.execute(ROOMS).fetchall()]


def lines(db: sqlite3.Connection, room: int, after: int = 0) -> Iterator[Line]:
    """All that is kept of a room's history, in order."""
    while rows := db.execute(LINES, {"room": room, "after": after, "limit": READ}).fetchall():
        yield from (Line(seq, Kind(kind), body, aside) for seq, kind, body, aside in rows)
        after = rows[-1][0]


def folded(db: sqlite3.Connection, shelf: Shelf) -> Room:
    """The room as it was when it was last written. Raises what a broken one makes go wrong."""
    assert shelf.frozen is not None and shelf.frozen_seq is not None
    room = thaw(shelf.frozen, Law())
    for line in lines(db, shelf.id, shelf.frozen_seq):
        apply(room, read_line(line))
    return room


def named(db: sqlite3.Connection) -> Named:
    """Covers and avatars by their rows; recordings by their rooms."""
    records = {}
    for shelf in shelves(db):
        if shelf.frozen is not None:
            for each in folded(db, shelf).recordings.values():
                records[RECORDS / folder_of(shelf.slug) / each.name] = each
    return Named(_pictures(db, "avatar_url", "people"), _pictures(db, "cover_url", "rooms"), records)


def _pictures(db: sqlite3.Connection, column: str, table: str) -> set[str]:
    rows = db.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
    return {url.rpartition("/")[2] for url, in rows}
