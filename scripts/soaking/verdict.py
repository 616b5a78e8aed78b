"""What a long run says about a server: whether anything grows that should stay, and whether it still answers as it did.

Knows figures and nothing of where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple

GROWTH = {"memory_mb": 20.0, "tasks": 20.0, "descriptors": 20.0, "threads": 8.0}
"""How much more there may be in the end than after the warm-up, by the trend."""
UNITS = {"memory_mb": "MB of memory"}
SLOWER, SLOWER_MS = 3.0, 50.0
"""The last third's p99 may be so many times the first third's, and so much more."""
MOST = 300
"""Samples that the trend looks at: every pair of them."""


class Sample(NamedTuple):
    at: float
    """Seconds since the beginning."""
    memory_mb: float
    tasks: int
    descriptors: int
    threads: int
    p99_ms: float

    def __str__(self) -> str:
        return (f"{self.memory_mb:.1f} MB, {self.tasks} tasks, {self.descriptors} descriptors, {self.threads} threads, "
                f"p99 {self.p99_ms:.1f} ms")


def warmed_up(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Without the first third, while caches fill."""
    return samples[len(samples) // 3:]


def growth(samples: Sequence[Sample], name: str) -> float:
    """By the median of the slopes between each two of them, which a few odd ones do not move."""
    some = samples[::len(samples) // MOST + 1]
    slopes: list[float] = [
        (getattr(late, name) - getattr(early, name)) / (late.at - early.at) for early, late in combinations(some, 2)]
    return median(slopes) * (samples[-1].at - samples[0].at)


def judge(samples: Sequence[Sample]) -> list[str]:
    """What is wrong with them."""
    warm = warmed_up(samples)
    if len(warm) < 6:
        return [f"{len(warm)} samples are too few to judge by; let it run longer"]
    minutes = (warm[-1].at - warm[0].at) / 60
    faults = [f"{grown:.1f} {UNITS.get(name, name)} more in {minutes:.1f} minutes, and growing"
              for name, most in GROWTH.items() if (grown := growth(warm, name)) > most]
    third = len(samples) // 3
    before, after = (median(each.p99_ms for each in part) for part in (samples[:third], samples[-third:]))
    if after > SLOWER * before + SLOWER_MS:
        faults.append(f"the p99 was {before:.1f} ms and is {after:.1f} ms")
    return faults
