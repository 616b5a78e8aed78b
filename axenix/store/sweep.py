"""What is deleted in small steps, so that nobody waits long: rooms that are gone, and events below the floor.

What is left to do stands in the database itself, so a crash in the middle forgets nothing.
"""

from __future__ import annotations

import asyncio
import sqlite3

from axenix.errors import Refused
from axenix.store.connection import cancel
from axenix.store.trouble import Trouble
from axenix.store.writer import Call, Writer
from axenix.tally import Tally

STEP = 500
"""Rows of a table in one transaction."""
PAUSE = 0.01
RETRY = 1.0


class Step(Call[bool]):
    """Answers False when there is nothing left to do."""

    def __init__(self) -> None:
        super().__init__(self._delete_some)

    def _delete_some(self, db: sqlite3.Connection) -> bool:
        if gone := db.execute("SELECT room FROM erased LIMIT 1").fetchone():
            purge_room(db, *gone)
            self.leaves_traces = True
        elif below := db.execute("SELECT id, purged, floor FROM rooms WHERE purged < floor LIMIT 1").fetchone():
            purge_below_floor(db, *below)
        return bool(gone or below)


def purge_room(db: sqlite3.Connection, room: int) -> None:
    """Rows of `chat` stay, empty and of no room: see schema.py."""
    emptied = db.execute(
        "UPDATE chat SET room = NULL, body = x'', aside = NULL"
        " WHERE id IN (SELECT id FROM chat WHERE room = ? LIMIT ?)", (room, STEP)).rowcount
    deleted = db.execute(
        "DELETE FROM events WHERE room = :room AND seq IN (SELECT seq FROM events WHERE room = :room LIMIT :step)",
        {"room": room, "step": STEP}).rowcount
    if not emptied and not deleted:
        db.execute("DELETE FROM erased WHERE room = ?", (room,))


def purge_below_floor(db: sqlite3.Connection, room: int, purged: int, floor: int) -> None:
    """Moderation stays, and chat is elsewhere."""
    end = min(purged + STEP, floor)
    db.execute("DELETE FROM events WHERE room = ? AND kind = 0 AND seq >= ? AND seq < ?", (room, purged, end))
    db.execute("UPDATE rooms SET purged = ? WHERE id = ?", (end, room))


class Sweeper:
    def __init__(self, writer: Writer, trouble: Trouble, tally: Tally) -> None:
        self._writer = writer
        self._tally = tally
        self._wake = asyncio.Event()
        self._wake.set()  # for what an earlier process has left
        self._task = asyncio.create_task(self._run())
        trouble.watch(self._task)

    def wake(self) -> None:
        """There is something to delete."""
        self._wake.set()

    async def close(self) -> None:
        await cancel(self._task)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._step():
                    await asyncio.sleep(PAUSE)
                self._tally.sweeps["database"] += 1
            except Refused:
                await asyncio.sleep(RETRY)
                self._wake.set()

    def _step(self) -> asyncio.Future[bool]:
        step = Step()
        self._writer.add(step)
        return step.future
