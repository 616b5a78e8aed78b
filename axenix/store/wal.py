"""From the write-ahead log into the database file, by the writing connection alone.

Checkpoints come after commits, when those who waited have heard: a passive one once much has gathered or a moment has
passed, a truncating one when the log has grown long, or when something was deleted that must not stay in it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import suppress
from typing import NamedTuple

import aiosqlite

from axenix.store.connection import BUSY_MS, cancel, in_thread
from axenix.store.trouble import Trouble

MUCH = 1000
"""Changed rows, each of which may have put two or three pages into the log."""
MOMENT = 1.0
SHARE = 10
"""A checkpoint is followed by so many times its length without one: on a slow disk it holds up every commit."""
LONG = (64 << 20) // 4096
"""Pages in the log, after which it is cut even if that takes a while."""
PATIENCE_MS = 50
"""How long a truncation waits for those who read: everyone who writes waits with it."""


class Progress(NamedTuple):
    is_blocked: int
    """By somebody who reads: the log could not be cut."""
    pages: int
    moved: int


def move(db: sqlite3.Connection) -> Progress:
    return Progress(*db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone())


def cut(db: sqlite3.Connection) -> Progress:
    db.execute(f"PRAGMA busy_timeout={PATIENCE_MS}").fetchall()
    try:
        return Progress(*db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    finally:
        db.execute(f"PRAGMA busy_timeout={BUSY_MS}").fetchall()


class Wal:
    def __init__(self, connection: aiosqlite.Connection, trouble: Trouble) -> None:
        self._connection = connection
        self._trouble = trouble
        self._rows = 0
        self._has_traces = True  # a crash may have left some
        self._is_long = False
        self._some, self._much = asyncio.Event(), asyncio.Event()
        self._some.set()
        self._task = asyncio.create_task(self._run())
        trouble.watch(self._task)

    def grew(self, rows: int) -> None:
        self._rows += rows
        self._some.set()
        if self._rows >= MUCH:
            self._much.set()

    async def wipe(self) -> None:
        """Leave nothing deleted in the log: now, or in a moment if somebody reads."""
        self._has_traces = True
        await self._checkpoint()

    async def close(self) -> None:
        """All of it into the file, which is then the database by itself."""
        await cancel(self._task)
        if not self._trouble.is_fatal:
            self._has_traces = True
            await self._checkpoint()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(MOMENT):
                    await self._much.wait()
            self._some.clear()
            self._much.clear()
            began = time.monotonic()
            await self._checkpoint()
            await asyncio.sleep(min(SHARE * (time.monotonic() - began), MOMENT))

    async def _checkpoint(self) -> None:
        had_traces, self._has_traces = self._has_traces, False
        self._rows = 0
        try:
            progress = await in_thread(self._connection, cut if had_traces or self._is_long else move)
        except sqlite3.Error as error:
            self._trouble.with_writing(error)
            progress = Progress(1, 0, 0)
        self._is_long = progress.pages > LONG
        if had_traces and progress.is_blocked:
            self._has_traces = True
        if self._has_traces or self._is_long:
            self._some.set()
