"""What has happened since the start, in plain integers: cheap enough to be counted wherever it happens.

Knows how to count and nothing else: who asks for the figures, and in what format, is the business of web/metrics.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

SECONDS = (.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1.0, 2.5, 5.0, 10.0)
EVENTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class Buckets:
    """A histogram."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many were at most as large as each bound and larger than the one before; the last: larger than all."""
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(slots=True)
class Tally:
    commands: int = 0
    """What rooms were asked to do, signals included."""
    deliveries: int = 0
    """Events, each as often as there were sockets to hear it."""
    evictions: int = 0
    """Sockets closed because they read too slowly."""
    refusals: Counter[str] = field(default_factory=Counter)
    """By reason code."""
    closings: Counter[int] = field(default_factory=Counter)
    """Sockets that have ended, by close code."""
    upload_bytes: int = 0
    uploads: Counter[str] = field(default_factory=Counter)
    """By how they ended: done, failed."""
    sweeps: Counter[str] = field(default_factory=Counter)
    """Rounds of what tidies up, by what it is: rooms, files, database."""
    lag: Buckets = field(default_factory=lambda: Buckets(SECONDS))
    """By how much the event loop was late."""
    commits: Buckets = field(default_factory=lambda: Buckets(SECONDS))
    """How long commits took, for those who waited."""
    batches: Buckets = field(default_factory=lambda: Buckets(EVENTS))
    """Events in a commit."""
