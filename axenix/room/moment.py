"""Time as an argument: the one instant at which a turn of the room takes place."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from msgspec import Struct


def iso(ms: int) -> str:
    """Milliseconds since 1970 as the wire writes them: `2026-11-22T16:30:00.123Z`. Such texts sort by time."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(16)
def _second(seconds: int) -> str:
    """Kept, because every turn of every room within a second has the same one."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def milliseconds(text: str) -> int:
    """The way back from `iso`."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class Moment(Struct, frozen=True, gc=False):
    ms: int
    """The wall clock, for people and for what outlives the process: created_at, bans, chat rates."""
    mono: float
    """A clock that never jumps, in seconds, for what does not outlive it: grace and heartbeats."""
    iso: str
    """`ms` as text, made once a turn."""

    @classmethod
    def of(cls, wall: float, mono: float) -> Moment:
        ms = int(wall * 1000)
        return cls(ms, mono, iso(ms))
