"""What happened in the rooms, in order, and each room as it was at a checkpoint.

All that rooms hand over while one commit runs goes into the next. Who may write a room, and that its lines have no
hole, is held in memory: there is one process. Knows lines and cards, not what they mean.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from axenix.errors import Fenced, Refused
from axenix.lines import Checkpoint, Claim, Journal, Kind, Line, Then, Writing
from axenix.store.catalogue import CARD, card_values
from axenix.store.database import Database
from axenix.store.writer import Job

log = logging.getLogger(__name__)

ROWS = 256
"""Lines in one statement; SQLite keeps 128 such statements prepared."""
COLUMNS = 5
END = 1 << 62
"""After every seq."""
KINDS = tuple(Kind)
CHAT_LINE = Kind.CHAT  # asked for with every line, and to get a member of an enumeration takes a call

CLAIM = """
SELECT floor, awake, frozen, snapshots.seq, max(
    snapshots.seq,
    (SELECT coalesce(max(seq), 0) FROM events WHERE room = :room),
    (SELECT coalesce(max(seq), 0) FROM chat WHERE room = :room)
) FROM rooms JOIN snapshots ON room = id WHERE id = :room
"""
LINES = """
SELECT seq, kind, body, aside FROM events WHERE room = :room AND seq > :after AND seq <= :upto
UNION ALL SELECT seq, 1, body, aside FROM chat WHERE room = :room AND seq > :after AND seq <= :upto
ORDER BY seq LIMIT :limit
"""
CHAT = "SELECT seq, 1, body, aside FROM chat WHERE room = :room AND seq < :before ORDER BY seq DESC LIMIT :limit"
MODERATION = """
SELECT seq, kind, body, aside FROM events INDEXED BY events_moderation
WHERE room = :room AND kind = 2 AND seq < :before ORDER BY seq DESC LIMIT :limit
"""
AWAKE = "UPDATE rooms SET awake = 1 WHERE id = ?"
REDACT = "UPDATE chat SET body = tombstone(body) WHERE room = ? AND seq = ?"
SNAPSHOT = "UPDATE snapshots SET seq = ?, frozen = ? WHERE room = ?"
FLOOR = "UPDATE rooms SET floor = max(floor, ?), awake = awake AND NOT ? WHERE id = ?"


LINES_IN = "INSERT INTO lines (room, seq, kind, body, aside) VALUES {}"
CHAT_IN = """
INSERT INTO chat (room, seq, body, aside) SELECT column1, column2, column4, column5 FROM (VALUES {})
WHERE EXISTS (SELECT 1 FROM rooms WHERE id = column1)
"""
"""What the trigger of `lines` does, for lines of chat alone: most commits have no others, and it takes a third less."""


@lru_cache(2 * ROWS)
def insert(statement: str, rows: int) -> str:
    return statement.format(", ".join(["(?, ?, ?, ?, ?)"] * rows))


def select(statement: str, **values: int) -> Callable[[sqlite3.Connection], list[Line]]:
    def read(db: sqlite3.Connection) -> list[Line]:
        rows = db.execute(statement, values).fetchall()
        return [Line(seq, KINDS[kind], body, aside) for seq, kind, body, aside in rows]
    return read


@dataclass(slots=True)
class Held:
    """A room in the hands of the actor that claimed it last."""

    room: int
    term: int
    head: int = 0
    floor: int = 0
    is_awake: bool = False
    is_void: bool = True
    """Not read yet, or something could not be written: whatever came next would leave a hole."""

    def is_followed_by(self, lines: Sequence[Line]) -> bool:
        return not lines or (lines[0].seq == self.head + 1 and lines[-1].seq == self.head + len(lines))


class Batch(Job):
    """All that rooms want written in the same commit."""

    def __init__(self, on_floor: Callable[[], None], on_durable: Callable[[Iterable[int]], None] | None) -> None:
        self.settled = asyncio.Event()
        self._on_floor = on_floor
        self._on_durable = on_durable
        self._moves_floor = False
        self._insert = CHAT_IN
        self._values: list[Any] = []
        """Of all lines, one after the other."""
        self._others: list[tuple[str, tuple[Any, ...]]] = []
        """Further statements, with their values."""
        self._waiting: list[tuple[Held, Then]] = []

    def add(self, room: int, held: Held, writing: Writing, then: Then) -> None:
        self._waiting.append((held, then))
        self.events += len(writing.lines)
        for line in writing.lines:
            self._values += room, line.seq, int(line.kind), line.body, line.aside
            if line.kind is not CHAT_LINE:
                self._insert = LINES_IN
            if line.redacts is not None:
                self._others.append((REDACT, (room, line.redacts)))
                self.leaves_traces = True
        if writing.lines:
            held.head = writing.lines[-1].seq
            if not held.is_awake:
                self._others.append((AWAKE, (room,)))
                held.is_awake = True
        if writing.card is not None:
            self._others.append((CARD, (*card_values(writing.card), room)))
        if writing.checkpoint is not None:
            self._checkpoint(room, held, writing.checkpoint)

    def _checkpoint(self, room: int, held: Held, checkpoint: Checkpoint) -> None:
        self._others.append((SNAPSHOT, (checkpoint.seq, checkpoint.frozen, room)))
        self._others.append((FLOOR, (checkpoint.floor, checkpoint.resting, room)))
        self._moves_floor = self._moves_floor or checkpoint.floor > held.floor
        held.floor = max(held.floor, checkpoint.floor)
        held.is_awake = held.is_awake and not checkpoint.resting

    @property
    def is_one_statement(self) -> bool:
        return not self._others and len(self._values) <= ROWS * COLUMNS

    def write(self, db: sqlite3.Connection) -> None:
        for start in range(0, len(self._values), ROWS * COLUMNS):
            values = self._values[start:start + ROWS * COLUMNS]
            db.execute(insert(self._insert, len(values) // COLUMNS), values)
        for statement, parameters in self._others:
            db.execute(statement, parameters)

    def settle(self, refusal: str | None) -> None:
        self.settled.set()
        if refusal is None and self._moves_floor:
            self._on_floor()
        for held, then in self._waiting:
            held.is_void = held.is_void or refusal is not None
            try:
                then(None if refusal is None else Refused(refusal))
            except Exception:  # a fault of one room's; the others are told all the same
                log.exception("room %d: could not go on after a commit", held.room)
        if refusal is None and self._on_durable is not None:
            self._on_durable({held.room for held, _ in self._waiting})


class SqliteJournal(Journal):
    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._held: dict[int, Held] = {}
        self._terms = 0
        self.on_durable: Callable[[Iterable[int]], None] | None = None
        """Told after each commit of which rooms it was."""
        self._batch: Batch | None = None
        """The latest one."""

    @property
    def refusal(self) -> str | None:
        """The reason code with which writes are refused now."""
        return self._database.refusal

    async def claim(self, room: int) -> Claim:
        """Everything appended before, by whomever, is written or void when this returns. Raises Refused."""
        self._terms += 1
        held = self._held[room] = Held(room, self._terms)  # from here on, all others are fenced
        try:
            await self.flushed()
            row = await self._database.read(lambda db: db.execute(CLAIM, {"room": room}).fetchone())
            if row is None:
                raise Refused("room_not_found")
        except BaseException:
            self.release(room, held.term)
            raise
        held.floor, awake, frozen, frozen_seq, held.head = row
        held.is_awake, held.is_void = bool(awake), False
        return Claim(held.term, held.head, held.floor, frozen, frozen_seq)

    def release(self, room: int, term: int) -> None:
        """See `Journal.release`. What waits to be written has its own hold on what is kept here."""
        held = self._held.get(room)
        if held is not None and held.term == term:
            del self._held[room]

    def write(self, room: int, term: int, writing: Writing, then: Then) -> None:
        """See `Journal.write`. After a refusal, everything further is refused until the room is claimed again."""
        held, refusal = self._held.get(room), self.refusal
        if held is None or held.term != term:
            self._loop.call_soon(then, Fenced())
        elif refusal is not None or held.is_void:
            held.is_void = True
            self._loop.call_soon(then, Refused(refusal or "storage_unavailable"))
        elif not held.is_followed_by(writing.lines):
            held.is_void = True
            self._loop.call_soon(then, ValueError(f"room {room}: these lines do not follow line {held.head}"))
        else:
            self._join_batch(room, held, writing, then)

    def _join_batch(self, room: int, held: Held, writing: Writing, then: Then) -> None:
        batch = self._batch
        if batch is not None and not batch.is_taken:
            batch.add(room, held, writing, then)
            return
        batch = self._batch = Batch(self._database.sweeper.wake, self.on_durable)
        batch.add(room, held, writing, then)
        self._database.add(batch)

    async def flushed(self) -> None:
        """Everything appended until now is durable, or has been refused."""
        if self._batch is not None:
            await self._batch.settled.wait()

    async def after(self, room: int, seq: int, *, limit: int, upto: int | None = None) -> list[Line]:
        """The lines with seq < theirs <= upto, at most `limit`, in order."""
        upto = END if upto is None else upto
        return await self._database.read(select(LINES, room=room, after=seq, upto=upto, limit=limit))

    async def chat(self, room: int, before: int | None, limit: int) -> list[Line]:
        """The last messages before this seq, newest last."""
        before = END if before is None else before
        lines = await self._database.read(select(CHAT, room=room, before=before, limit=limit))
        return lines[::-1]

    async def moderation(self, room: int, before: int | None, limit: int) -> list[Line]:
        """What moderators did before this seq, newest first."""
        before = END if before is None else before
        return await self._database.read(select(MODERATION, room=room, before=before, limit=limit))

    async def line(self, room: int, seq: int) -> Line | None:
        lines = await self.after(room, seq - 1, limit=1, upto=seq)
        return lines[0] if lines else None
