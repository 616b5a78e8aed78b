"""The database of one data folder, opened and closed in order: one connection that writes, two that read.

Knows how the parts of the store fit together; not what is kept in the tables.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import aiosqlite

from axenix.errors import CannotStart, Refused
from axenix.lines import tombstone
from axenix.store.archive import reading
from axenix.store.compaction import APART, DUE, compact_if_due
from axenix.store.connection import READER, WRITER, apply_pragmas, cancel, connect, in_thread
from axenix.store.folder import DATABASE, load_or_make_secret, take
from axenix.store.restore import begin_anew
from axenix.store.schema import SMALL, examine, make_or_examine, migrate
from axenix.store.sweep import Sweeper
from axenix.store.trouble import Trouble
from axenix.store.wal import Wal
from axenix.store.writer import Call, Job, Writer
from axenix.tally import Tally

T = TypeVar("T")

READERS = 2


class Database:
    """Made by `open`, ended by `close`."""

    sweeper: Sweeper
    _writer: Writer

    def __init__(self, folder: Path, on_fatal: Callable[[str, int], None]) -> None:
        self.tally = Tally()
        self._folder = folder
        self._trouble = Trouble(on_fatal)
        self._readers: list[aiosqlite.Connection] = []
        self._turn = cycle(range(READERS))
        self._is_closed = False
        self._compacted_at = -APART
        self._ending = AsyncExitStack()
        """What has been begun, to be ended in reverse order."""

    @classmethod
    async def open(cls, folder: Path, on_fatal: Callable[[str, int], None]) -> Database:
        """Raises CannotStart, having changed nothing that was there.

        `on_fatal` is called with a line for people and the exit code, once, when the process must not go on.
        """
        database = cls(folder, on_fatal)
        try:
            await database._begin()
        except sqlite3.Error as error:
            await database.close()
            raise CannotStart(f"the database in {folder} cannot be opened: {error}") from None
        except BaseException:
            await database.close()
            raise
        return database

    async def _begin(self) -> None:
        path, trouble, ending = self._folder / DATABASE, self._trouble, self._ending
        ending.callback(os.close, take(self._folder))
        is_sound = await asyncio.to_thread(make_or_examine, path)
        connection = await ending.enter_async_context(connect(path))
        await in_thread(connection, partial(apply_pragmas, WRITER))
        await in_thread(connection, migrate)
        await in_thread(connection, begin_anew)
        await in_thread(connection, compact_if_due)
        await connection.create_function("tombstone", 1, tombstone, deterministic=True)
        wal = Wal(connection, trouble)
        ending.push_async_callback(wal.close)
        self._writer = Writer(connection, wal, trouble, self.tally)
        ending.push_async_callback(self._writer.close)
        self.sweeper = Sweeper(self._writer, trouble, self.tally)
        ending.push_async_callback(self.sweeper.close)
        for _ in range(READERS):
            reader = await ending.enter_async_context(connect(path))
            await in_thread(reader, partial(apply_pragmas, READER))
            self._readers.append(reader)
        if not is_sound:
            examining = asyncio.create_task(examine_at_leisure(path, trouble))
            trouble.watch(examining)
            ending.push_async_callback(cancel, examining)

    async def close(self) -> None:
        """Write what waits, and leave behind one file with everything in it."""
        self._is_closed = True
        await self._ending.aclose()

    @property
    def secret(self) -> bytes:
        """The folder's own, made when it is first asked for. Raises CannotStart."""
        return load_or_make_secret(self._folder)

    @property
    def refusal(self) -> str | None:
        """The reason code with which writing is refused now."""
        return self._writer.refusal

    def add(self, job: Job) -> None:
        """To be written with everything else that waits, in the order of the calls."""
        self._writer.add(job)

    def write(self, work: Callable[[sqlite3.Connection], T], leaves_traces: bool = False) -> asyncio.Future[T]:
        """A function that writes, done as a whole and durable, or not at all. Raises Refused, and what it raises.

        `leaves_traces`: what it takes away must not stay in the log either.
        """
        call = Call(work)
        call.leaves_traces = leaves_traces
        self.add(call)
        return call.future

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """A function that reads, and fetches all it wants before it returns: a cursor left open would pin the log."""
        if self._is_closed:
            raise Refused("storage_unavailable")
        try:
            return await in_thread(self._readers[next(self._turn)], work)
        except sqlite3.Error as error:
            raise Refused(self._trouble.with_reading(error)) from error

    async def aside(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """A function that reads for long, beside everything else: through a connection of its own, at one moment."""
        def outside() -> T:
            with reading(self._folder) as db:
                return work(db)

        try:
            return await asyncio.to_thread(outside)
        except (sqlite3.Error, CannotStart) as error:
            raise Refused(self._trouble.with_reading(error)) from error

    async def compact(self) -> bool:
        """Away with the last traces of the erased. False: not now, but later, or at the next start."""
        if not await self.read(lambda db: db.execute(DUE).fetchone()):
            return True
        now, size = asyncio.get_running_loop().time(), (self._folder / DATABASE).stat().st_size
        if size > SMALL or now - self._compacted_at < APART:
            return False
        self._compacted_at = now
        await self._writer.compact()
        return True


async def examine_at_leisure(path: Path, trouble: Trouble) -> None:
    """A big database is looked at thoroughly while the server runs already."""
    async with connect(path) as connection:
        await in_thread(connection, partial(apply_pragmas, READER))
        try:
            await in_thread(connection, partial(examine, path, True))
        except CannotStart as error:
            trouble.end(str(error), error.exit_code)
        finally:
            await connection.interrupt()  # for the case that nobody waits for it any more
