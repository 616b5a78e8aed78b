"""One SQLite connection and its thread, by aiosqlite.

Only one connection ever writes, checkpoints included: two that do can corrupt the log in SQLite 3.7.0 to 3.51.2. The
others read. Knows how connections are set up; nothing of what they are used for.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

T = TypeVar("T")

logging.getLogger("aiosqlite").setLevel(logging.INFO)  # its debug lines would show the messages and keys being written

BUSY_MS = 5000

COMMON = {
    "trusted_schema": "OFF", "cell_size_check": "ON", "mmap_size": 0, "temp_store": "MEMORY", "busy_timeout": BUSY_MS,
}
WRITER = COMMON | {
    "journal_mode": "WAL", "synchronous": "FULL", "fullfsync": "ON", "foreign_keys": "ON", "secure_delete": "ON",
    "wal_autocheckpoint": 0, "journal_size_limit": 64 << 20,  # wal.py checkpoints, once those who wait have heard
}
READER = COMMON | {"query_only": "ON"}


async def in_thread(connection: aiosqlite.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run a function in the connection's thread, whole, whatever becomes of the task that waits for it.

    So a call costs one hop, and no cancelled task leaves a transaction open for the next one to commit. aiosqlite has
    no public call for this; a test fails when this one goes away.
    """
    result: T = await connection._execute(work, connection._conn)  # type: ignore[no-untyped-call]
    return result


def connect(path: Path) -> aiosqlite.Connection:
    """To be entered with `async with`. In autocommit: transactions begin and end where they are seen to."""
    return aiosqlite.connect(path, isolation_level=None)


def read_only(path: Path) -> str:
    """To be opened with uri=True: even closing it leaves the file as it is."""
    return f"{path.absolute().as_uri()}?mode=ro"


def apply_pragmas(pragmas: dict[str, object], db: sqlite3.Connection) -> None:
    for name, value in pragmas.items():
        db.execute(f"PRAGMA {name}={value}").fetchall()


async def cancel(task: asyncio.Task[None]) -> None:
    """End a task of the store, and wait until it has ended."""
    task.cancel()
    await asyncio.wait({task})
