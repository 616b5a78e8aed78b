"""When a room has to look at the clock: a grace or a heartbeat runs out. Knows deadlines, not what they are for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

OVERDUE = 0.5
"""Seconds until the next try, when somebody should have left but the storage refuses."""


class Alarm:
    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._on_ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None

    def set(self, deadline: float | None, now: float) -> None:
        if deadline is not None and not self._deadline == deadline > now:
            self.cancel()
            wait = deadline - now if deadline > now else OVERDUE
            self._timer, self._deadline = self._loop.call_later(wait, self._ring), deadline

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._deadline = None  # a timer may be early; then it has to be set again for the same deadline
        self._on_ring()
