"""Everything that waits, in one commit: one transaction and one fsync for all that has gathered while the last one ran.

A job knows what to write and whom to tell; the writer knows when, and what to do when it cannot be done. While writing
is impossible, jobs are refused at once, and a small write is tried again and again until one goes through.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

import aiosqlite

from axenix.errors import Refused
from axenix.store.compaction import compact
from axenix.store.connection import in_thread
from axenix.store.trouble import Trouble
from axenix.store.wal import Wal
from axenix.tally import Tally

T = TypeVar("T")

PROBE_SECONDS = 0.5
PROBE_BYTES = 64 * 1024
"""The probe asks for some room, so that writing does not begin again only to fail with the first message."""
CALM = 3
"""Passes of the event loop that bring nothing more to write."""
GATHERING_SECONDS = 0.002
"""How long a commit waits at most for such a calm: else the first of many goes alone, and the others wait for it."""
STALLED_SECONDS = 10.0
"""A commit that takes longer keeps nobody waiting any more: who comes now is refused."""


class Job(ABC):
    """Part of a group: written in the connection's thread, settled in the loop."""

    is_taken = False
    """Being written, or refused: nothing can be added to the job any more."""
    leaves_traces = False
    """It deletes what must not stay in the log either."""
    events = 0
    """How many it writes."""

    @property
    def is_one_statement(self) -> bool:
        """A transaction by itself: it needs no BEGIN and COMMIT around it."""
        return False

    @abstractmethod
    def write(self, db: sqlite3.Connection) -> None:
        """What is raised here undoes the whole group."""

    @abstractmethod
    def settle(self, refusal: str | None) -> None:
        """It is durable, or else nothing of it was written, for this reason."""


class Call(Job, Generic[T]):
    """A function whose own errors (a name that is taken) undo nothing but itself."""

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._work = work
        self._answer: Callable[[], None]

    def write(self, db: sqlite3.Connection) -> None:
        db.execute("SAVEPOINT call")
        try:
            self._answer = partial(self.future.set_result, self._work(db))
        except Exception as error:
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
                raise
            db.execute("ROLLBACK TO call")
            self._answer = partial(self.future.set_exception, error)
        db.execute("RELEASE call")

    def settle(self, refusal: str | None) -> None:
        if self.future.done():
            return  # whoever asked has gone
        if refusal is None:
            self._answer()
        else:
            self.future.set_exception(Refused(refusal))


def commit(group: list[Job], db: sqlite3.Connection) -> int:
    """All of it, durable, or nothing of it. Returns how many rows changed."""
    before = db.total_changes
    if len(group) == 1 and group[0].is_one_statement:
        group[0].write(db)
        return db.total_changes - before
    db.execute("BEGIN IMMEDIATE")
    try:
        for job in group:
            job.write(db)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:  # after an error; SQLite has rolled some of them back by itself
            db.execute("ROLLBACK")
    return db.total_changes - before


def probe(db: sqlite3.Connection) -> None:
    db.execute("REPLACE INTO probe (id, filling) VALUES (1, zeroblob(?))", (PROBE_BYTES,))
    db.execute("DELETE FROM probe")


class Writer:
    def __init__(self, connection: aiosqlite.Connection, wal: Wal, trouble: Trouble, tally: Tally) -> None:
        self._connection = connection
        self._tally = tally
        self._wal = wal
        self._trouble = trouble
        self._refusal: str | None = None
        self._jobs: list[Job] = []
        self._compacting: asyncio.Future[None] | None = None
        self._busy_since: float | None = None
        self._is_closing = False
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run())
        trouble.watch(self._task)
        self._probing: asyncio.Task[None] | None = None

    @property
    def refusal(self) -> str | None:
        """The reason code with which jobs are refused now."""
        is_stalled = self._busy_since is not None and self._loop.time() - self._busy_since > STALLED_SECONDS
        if is_stalled or self._is_closing or self._trouble.is_fatal:
            return "storage_unavailable"
        return self._refusal

    def add(self, job: Job) -> None:
        refusal = self.refusal
        if refusal is None:
            self._jobs.append(job)
            self._wake.set()
        else:
            job.is_taken = True
            job.settle(refusal)

    async def compact(self) -> None:
        """The whole database anew, between two groups. Raises Refused."""
        if self.refusal is not None:
            raise Refused(self.refusal)
        if self._compacting is None:
            self._compacting = self._loop.create_future()
            self._wake.set()
        await asyncio.shield(self._compacting)

    async def close(self) -> None:
        """Write what waits, and take nothing more."""
        self._is_closing = True
        self._wake.set()
        if self._probing is not None:
            self._probing.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._jobs or self._compacting or not self._is_closing:
            await self._wake.wait()
            self._wake.clear()
            while self._jobs or self._compacting:
                if self._jobs:
                    await self._write_group()
                if self._compacting:
                    await self._compact(self._compacting)

    async def _compact(self, done: asyncio.Future[None]) -> None:
        self._busy_since = self._loop.time()
        try:
            await in_thread(self._connection, compact)
            await self._wal.wipe()
            done.set_result(None)
        except sqlite3.Error as error:
            done.set_exception(Refused(self._trouble.with_writing(error)))
            done.exception()  # whoever asked may have gone
        finally:
            self._busy_since = self._compacting = None

    async def _gather(self) -> None:
        """What comes together is written together. Half as many commits for a crowd; some 20 µs for one alone."""
        until, calm, waiting = time.monotonic() + GATHERING_SECONDS, 0, -1
        while calm < CALM and time.monotonic() < until:
            before, waiting = waiting, sum([1 + job.events for job in self._jobs])
            calm = calm + 1 if waiting == before else 0
            await asyncio.sleep(0)

    def _take(self) -> list[Job]:
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job.is_taken = True
        return jobs

    async def _write_group(self) -> None:
        await self._gather()
        group, began = self._take(), time.perf_counter()
        self._busy_since = self._loop.time()
        try:
            rows = await in_thread(self._connection, partial(commit, group))
        except Exception as error:
            self._refuse(group, error)
            return
        finally:
            self._busy_since = None
        self._tally.commits.add(time.perf_counter() - began)
        self._tally.batches.add(sum([job.events for job in group]))
        self._wal.grew(rows)
        if any(job.leaves_traces for job in group):
            await self._wal.wipe()
        self._loop.call_soon(self._settle, group)  # after the next commit has begun, so that it runs meanwhile

    def _settle(self, group: list[Job]) -> None:
        try:
            for job in group:
                job.settle(None)
        except Exception as bug:
            self._trouble.stopped(bug)

    def _refuse(self, group: list[Job], error: Exception) -> None:
        """Those who wait already are refused too: some of them build on what has just failed."""
        self._refusal = refusal = self._trouble.with_writing(error)
        for job in [*group, *self._take()]:
            job.settle(refusal)
        if not self._trouble.is_fatal:
            self._probing = asyncio.create_task(self._probe())
            self._trouble.watch(self._probing)

    async def _probe(self) -> None:
        while not self._trouble.is_fatal:
            await asyncio.sleep(PROBE_SECONDS)
            try:
                await in_thread(self._connection, probe)
            except sqlite3.Error as error:
                self._refusal = self._trouble.with_writing(error)
            else:
                self._refusal = None
                return self._trouble.is_over()
