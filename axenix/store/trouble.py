"""What SQLite's errors mean: a refusal that will pass, or the end of the process.

After a failed fsync nobody knows what is on the disk, and a later one may say that all is well when it is not; after
damage nothing that is read can be trusted. Both end the process; its supervisor starts it again, and opening the
database then decides. A full disk, a lock, a lack of memory pass.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable

log = logging.getLogger(__name__)

FAILED = 1
DAMAGED = 3
"""The exit code for a database that cannot be trusted or is not ours to open."""


def code_of(error: BaseException) -> int:
    """SQLite's primary result code; 0 for what is not SQLite's."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def is_full(error: BaseException) -> bool:
    """No room on the disk, be it for the log or for its index."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


class Trouble:
    def __init__(self, on_fatal: Callable[[str, int], None]) -> None:
        self.is_fatal = False
        """Nothing is written any more until the next start."""
        self._on_fatal = on_fatal
        self._logged: str | None = None

    def with_writing(self, error: Exception) -> str:
        """The reason code with which to refuse."""
        if self._logged != str(error):  # once, and not with every probe
            self._logged = str(error)
            trace = None if isinstance(error, sqlite3.OperationalError) else error
            log.error("the storage cannot write: %s", error, exc_info=trace)
        if code_of(error) == sqlite3.SQLITE_IOERR and not is_full(error):
            self.end(f"the disk failed while the database was written: {error}", FAILED)
        return self._reason(error)

    def with_reading(self, error: Exception) -> str:
        log.error("the storage cannot read: %s", error)
        return self._reason(error)

    def is_over(self) -> None:
        self._logged = None
        log.warning("the storage can write again")

    def watch(self, task: asyncio.Task[None]) -> None:
        """The process must not go on without this task."""
        task.add_done_callback(self._heed)

    def stopped(self, bug: BaseException) -> None:
        log.error("the storage has stopped working", exc_info=bug)
        self.end(f"the storage has stopped working: {bug!r}", FAILED)

    def end(self, message: str, code: int) -> None:
        if not self.is_fatal:
            self.is_fatal = True
            self._on_fatal(message, code)

    def _reason(self, error: Exception) -> str:
        code = code_of(error)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            self.end(f"the database is damaged: {error}", DAMAGED)
        return "storage_full" if is_full(error) else "storage_unavailable"

    def _heed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self.stopped(error)
