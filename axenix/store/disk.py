"""How large the database is and how much room the disk has left.

A disk may hang, so it is asked in a thread, which nobody waits for longer than a moment, and never twice at once.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import NamedTuple

from axenix.store.folder import DATABASE

PATIENCE = 1.0


class Seen(NamedTuple):
    database_bytes: int
    wal_bytes: int
    free_bytes: int


class Disk:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asking: asyncio.Future[Seen] | None = None

    async def look(self) -> Seen | None:
        """None: it does not answer. Raises OSError when it answers that it cannot."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(asyncio.to_thread(self._look))
            self._asking.add_done_callback(_heard)
        done, _ = await asyncio.wait([self._asking], timeout=PATIENCE)
        return self._asking.result() if done else None

    def _look(self) -> Seen:
        return Seen(
            size(self._folder / DATABASE), size(self._folder / f"{DATABASE}-wal"), shutil.disk_usage(self._folder).free)


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _heard(asking: asyncio.Future[Seen]) -> None:
    """A failure that comes when nobody waits any more has been told as a silence."""
    if not asking.cancelled():
        asking.exception()
