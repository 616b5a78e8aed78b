"""What a webhook has yet to be told: the log of events itself, with a mark for each room of how far it has been told.

An event is in the outbox from the commit that makes it durable, and there is no second copy of any text: what is
deleted before it is told is told as deleted. Knows rows and ranges; nothing of requests.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from axenix.store.connection import READER, apply_pragmas, read_only
from axenix.store.database import Database
from axenix.store.folder import DATABASE, write_whole
from axenix.store.journal import END, LINES

MOST_EVENTS = 200
MOST_BYTES = 512 * 1024
"""Of one parcel, unless a single event is bigger."""
REPLAY = "replay"
"""A file in the data folder: numbers of dead letters that shall be sent again. Only the server writes its database."""

HEAD = """
max((SELECT coalesce(max(seq), 0) FROM events WHERE room = rooms.id),
    (SELECT coalesce(max(seq), 0) FROM chat WHERE room = rooms.id))
"""
PLACE = """
SELECT slug, epoch, coalesce(delivered, 0), upto, failing_since FROM rooms LEFT JOIN hooks ON room = id WHERE id = ?
"""
LETTERS = """
SELECT dead_letters.id, room, slug, dead_letters.epoch, first, last, why, died_at
FROM dead_letters JOIN rooms ON rooms.id = room
"""
DELIVERED = """
INSERT INTO hooks (room, delivered) SELECT id, :seq FROM rooms WHERE id = :room
ON CONFLICT (room) DO UPDATE SET delivered = max(delivered, :seq),
    upto = iif(upto > :seq, upto, NULL), failing_since = iif(upto > :seq, failing_since, NULL)
"""
FAILING = """
INSERT INTO hooks (room, delivered, upto, failing_since) SELECT id, :after, :upto, :since FROM rooms WHERE id = :room
ON CONFLICT (room) DO UPDATE SET delivered = max(delivered, :after), upto = :upto, failing_since = :since
"""
DIED = """
INSERT INTO dead_letters (room, epoch, first, last, why, died_at) SELECT id, :epoch, :first, :last, :why, :at
FROM rooms WHERE id = :room
"""


class Parcel(NamedTuple):
    """Events of one room that follow one another, as they are now."""

    room: int
    slug: str
    epoch: str
    first: int
    last: int
    bodies: list[bytes]
    failing_since: float | None = None
    """Seconds since the epoch of the first try that failed."""

    @property
    def name(self) -> str:
        """The same at every try."""
        return f"{self.epoch}-{self.first}-{self.last}"


class Letter(NamedTuple):
    """A parcel that was given up."""

    id: int
    room: int
    slug: str
    epoch: str
    first: int
    last: int
    why: str
    died_at: str


class Outbox:
    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._request = folder / REPLAY

    async def begin(self) -> None:
        """The first time ever: what happened before was for nobody. Later on: goes on where it was."""
        def work(db: sqlite3.Connection) -> None:
            if db.execute("INSERT INTO hooked (id) VALUES (1) ON CONFLICT DO NOTHING").rowcount:
                db.execute(f"INSERT INTO hooks (room, delivered) SELECT id, {HEAD} FROM rooms WHERE true "
                           "ON CONFLICT DO NOTHING")
        await self._database.write(work)

    async def behind(self) -> list[int]:
        """The rooms of which something is still to be told."""
        return await self._database.read(lambda db: [room for room, in db.execute(
            f"SELECT id FROM rooms LEFT JOIN hooks ON room = id WHERE coalesce(delivered, 0) < {HEAD} "
            "UNION SELECT room FROM dead_letters WHERE replay = 1").fetchall()])

    async def next(self, room: int, after: int) -> Parcel | None:
        """What follows `after`, or what was told last if that is more. None: nothing; or the room is gone."""
        return await self._database.read(lambda db: parcel(db, room, after))

    async def delivered(self, places: dict[int, int]) -> None:
        """By room, the last event that was told."""
        def work(db: sqlite3.Connection) -> None:
            db.executemany(DELIVERED, [{"room": room, "seq": seq} for room, seq in places.items()])
        await self._database.write(work)

    async def failing(self, parcel: Parcel, since: float) -> None:
        """The same events will be tried again, also after a restart."""
        values = {"room": parcel.room, "after": parcel.first - 1, "upto": parcel.last, "since": since}
        await self._database.write(lambda db: db.execute(FAILING, values).rowcount)

    async def died(self, parcel: Parcel, why: str, at: str) -> None:
        """Given up; the room goes on behind it."""
        def work(db: sqlite3.Connection) -> None:
            db.execute(DIED, {"room": parcel.room, "epoch": parcel.epoch, "first": parcel.first, "last": parcel.last,
                              "why": why, "at": at})
            db.execute(DELIVERED, {"room": parcel.room, "seq": parcel.last})
        await self._database.write(work)

    # ---- dead letters ----

    async def to_replay(self, room: int) -> tuple[Letter, Parcel] | None:
        """The first letter of this room that was asked for, with its events as they are now."""
        def work(db: sqlite3.Connection) -> tuple[Letter, Parcel] | None:
            row = db.execute(f"{LETTERS} WHERE room = ? AND replay = 1 ORDER BY dead_letters.id LIMIT 1",
                             (room,)).fetchone()
            if row is None:
                return None
            letter = Letter(*row)
            lines = db.execute(LINES, {"room": room, "after": letter.first - 1, "upto": letter.last, "limit": -1})
            bodies = [body for _, _, body, _ in lines.fetchall()]
            return letter, Parcel(room, letter.slug, letter.epoch, letter.first, letter.last, bodies)
        return await self._database.read(work)

    async def replayed(self, letter: Letter, refusal: str | None) -> None:
        """Gone if it was taken; else it is dead again, for this reason."""
        def work(db: sqlite3.Connection) -> None:
            if refusal is None:
                db.execute("DELETE FROM dead_letters WHERE id = ?", (letter.id,))
            else:
                db.execute("UPDATE dead_letters SET replay = 0, why = ? WHERE id = ?", (refusal, letter.id))
        await self._database.write(work)

    async def take_requests(self) -> list[int]:
        """The rooms with letters that somebody wants sent again since the last look."""
        taken = self._request.with_name(f"{REPLAY}.taken")  # so that a wish that comes meanwhile is not lost with it
        if not taken.exists():  # if it is there, a crash has left it
            if not self._request.exists():
                return []
            self._request.replace(taken)
        wanted = numbers_in(taken)

        def work(db: sqlite3.Connection) -> list[int]:
            rows = [db.execute("UPDATE dead_letters SET replay = 1 WHERE id = ? RETURNING room", (number,)).fetchall()
                    for number in wanted]
            return [room for some in rows for room, in some]
        rooms = await self._database.write(work)
        taken.unlink(missing_ok=True)
        return rooms


def parcel(db: sqlite3.Connection, room: int, after: int) -> Parcel | None:
    place = db.execute(PLACE, (room,)).fetchone()
    if place is None:
        return None
    slug, epoch, delivered, upto, since = place
    after = max(after, delivered)
    if upto is None or upto <= after:
        upto, since = END, None
    lines = few(db, room, after, upto)
    if not lines and upto != END:  # retention was faster
        lines, since = few(db, room, after, END), None
    if not lines:
        return None
    return Parcel(room, slug, epoch, lines[0][0], lines[-1][0], [body for _, body in lines], since)


def few(db: sqlite3.Connection, room: int, after: int, upto: int) -> list[tuple[int, bytes]]:
    rows = db.execute(LINES, {"room": room, "after": after, "upto": upto, "limit": MOST_EVENTS}).fetchall()
    size, taken = 0, list[tuple[int, bytes]]()
    for seq, _, body, _ in rows:
        size += len(body)
        if taken and size > MOST_BYTES and upto == END:
            break
        taken.append((seq, body))
    return taken


# ---- from outside, beside the server ---------------------------------------------------------------------------------


def dead_letters(folder: Path) -> list[Letter]:
    """Raises sqlite3.Error."""
    db = sqlite3.connect(read_only(folder / DATABASE), uri=True, isolation_level=None)
    try:
        apply_pragmas(READER, db)
        return [Letter(*row) for row in db.execute(f"{LETTERS} ORDER BY dead_letters.id").fetchall()]
    finally:
        db.close()


def ask_for_replay(folder: Path, letters: list[Letter]) -> None:
    """The server looks every few seconds; one that does not run, when it starts."""
    request = folder / REPLAY
    wanted = {letter.id for letter in letters} | set(numbers_in(request))
    write_whole(request, " ".join(str(number) for number in sorted(wanted)).encode())


def numbers_in(request: Path) -> list[int]:
    try:
        return [int(word) for word in request.read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []
    except ValueError:
        raise ValueError(f"{request} is damaged; delete it, and ask for the dead letters again") from None
