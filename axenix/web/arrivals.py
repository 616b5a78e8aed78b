"""Who is uploading now, and how much of it has come: nothing that outlives the process.

Knows people and rooms by their names only; requests are the business of uploads.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from axenix.errors import Refused
from axenix.store.files import Draft
from axenix.tally import Tally

AT_ONCE = 2
"""Uploads of one person."""


class Stoppable(Protocol):
    def stop(self) -> None: ...


class Uploads:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._people: Counter[int] = Counter()
        self._arriving: dict[str | None, list[Draft]] = {}
        self.bodies: dict[str, Stoppable] = {}
        """By tus upload: the one that is being written."""

    @contextmanager
    def by(self, user_id: int) -> Iterator[None]:
        if self._people[user_id] >= AT_ONCE:
            raise Refused("rate_limited", f"At most {AT_ONCE} uploads of one person at once.", retry_after=5.0)
        self._people[user_id] += 1
        outcome = "failed"
        try:
            yield
            outcome = "done"
        finally:
            self._tally.uploads[outcome] += 1
            self._people[user_id] -= 1
            self._people += Counter()  # forgets those who are at zero

    @property
    def running(self) -> int:
        return self._people.total()

    @contextmanager
    def into(self, slug: str | None, draft: Draft) -> Iterator[None]:
        """While it arrives it counts against the quota of its room."""
        self._arriving.setdefault(slug, []).append(draft)
        try:
            yield
        finally:
            self._arriving[slug].remove(draft)
            if not self._arriving[slug]:
                del self._arriving[slug]

    def arriving(self, slug: str) -> int:
        return sum(draft.size for draft in self._arriving.get(slug, ()))
