"""How much is too much: counters that say when, and for how long to wait.

Time is an argument (seconds of a monotonic clock) and nothing sleeps. Knows no addresses, sockets or configuration.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_ROUNDING = 1e-6
"""Whoever waits as long as told is let in, although floats do not add up exactly."""


class TokenBucket:
    """`burst` at once, `per_second` in the long run."""

    __slots__ = ("_per_second", "_burst", "_level", "_at")

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._level = burst
        self._at = float("-inf")

    def take(self, now: float) -> float:
        """0.0 when granted, else how many seconds to wait. What is refused costs nothing."""
        self._level = min(self._burst, self._level + max(0.0, now - self._at) * self._per_second)
        self._at = now
        if self._level < 1 - _ROUNDING:
            return (1 - self._level) / self._per_second
        self._level -= 1
        return 0.0


class SlidingCount:
    """Whether something has happened `limit` times within the last `seconds`."""

    __slots__ = ("_limit", "_seconds", "_times")

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._times: list[float] = []

    def add(self, now: float) -> bool:
        """It has happened. True when the limit is reached."""
        self._times.append(now)
        del self._times[:-self._limit]
        return self.wait(now) > 0

    def wait(self, now: float) -> float:
        """For how many seconds the limit stays reached; 0.0 when it is not."""
        if len(self._times) < self._limit:
            return 0.0
        left = self._times[0] + self._seconds - now
        return left if left > _ROUNDING else 0.0


class PerKey(Generic[T]):
    """A counter for each key, made when it is first asked for. Beyond `most` keys, the one unused for longest goes."""

    def __init__(self, make: Callable[[], T], most: int = 100_000) -> None:
        self._make = make
        self._most = most
        self._counters: OrderedDict[str, T] = OrderedDict()

    def __getitem__(self, key: str) -> T:
        if key not in self._counters:
            self._counters[key] = self._make()
            if len(self._counters) > self._most:
                self._counters.popitem(last=False)
        self._counters.move_to_end(key)
        return self._counters[key]

    def __len__(self) -> int:
        return len(self._counters)


def misses(limit: int, seconds: float) -> PerKey[SlidingCount]:
    """Wrong attempts by address: ask `wait` before an attempt, `add` after a wrong one."""
    return PerKey(lambda: SlidingCount(limit, seconds))


def per_minute(limit: int) -> PerKey[TokenBucket]:
    """So many a minute by address: `take` before each."""
    return PerKey(lambda: TokenBucket(limit / 60, limit))
