"""What a room says to everyone, once; each peer's bytes are compared with it. Here is what makes the load cheap.

All peers of a room are sent the same bytes. The first to receive an event has it parsed, and its seq checked; for all
others a comparison of memory shows that they received just that, in order and without a hole. Knows frames and seqs.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import Counter

from crowd.frames import Found

STAMP = re.compile(rb'"text":"(\d+) ')
"""When it was said, by the clock that all processes of a machine share."""
AUTHOR = re.compile(rb'"user_id":(\d+)')
UNIT = 13
"""Latencies are counted in units of 2^13 ns, 8 µs."""
SLICE = 250_000_000
"""Nanoseconds of a point on the plot."""


class Stream:
    """The events of one room from `base` on, as far as anyone here has received them."""

    def __init__(self) -> None:
        self.base: int | None = None
        """The seq of the first event; known when the first peer is inside."""
        self.data = bytearray()
        self.ends = [0]
        """Event i is data[ends[i]:ends[i + 1]]."""
        self.said_at: list[int] = []
        self.authors: list[int] = []
        self.log = array("q")
        """For each chunk that some peer received: when, and the first and last (exclusive) event in it."""
        self.delivered = 0

    def __len__(self) -> int:
        return len(self.said_at)

    def index_of(self, seq: int) -> int:
        if self.base is None:
            self.base = seq
        return seq - self.base

    def match(self, chunk: bytes, index: int) -> tuple[int, int]:
        """How far the chunk is what others have received from here on: the next index, and how many bytes that is."""
        begin = self.ends[index]
        stop = bisect_right(self.ends, begin + len(chunk), index) - 1
        size = self.ends[stop] - begin
        if size and self.data.startswith(chunk if size == len(chunk) else chunk[:size], begin):
            return stop, size
        return index, 0

    def is_known(self, index: int) -> bool:
        return index < len(self) and self.ends[index + 1] - self.ends[index] > 1

    def extend(self, index: int, frame: bytes, payload: bytes) -> None:
        """Nobody here had received this event yet. Those that all have jumped over leave a byte that matches none."""
        while len(self) < index:
            self._append(b"\0", 0, 0)
        stamp, author = STAMP.search(payload), AUTHOR.search(payload)
        said_at, by = int(stamp[1]) if stamp else 0, int(author[1]) if author else 0
        if index < len(self):
            self.said_at[index], self.authors[index] = said_at, by
        else:
            self._append(frame, said_at, by)

    def _append(self, data: bytes, said_at: int, author: int) -> None:
        self.data += data
        self.ends.append(len(self.data))
        self.said_at.append(said_at)
        self.authors.append(author)

    def holds(self, index: int, chunk: bytes, at: int, found: Found) -> bool:
        """Whether this one frame is the event that others have received in this place."""
        return self.data[self.ends[index]:self.ends[index + 1]] == chunk[at:found.end]

    def count(self, began: int, ended: int, latencies: Counter[int], slices: Counter[int]) -> int:
        """Deliveries between two times; their latencies go into the counter, in units."""
        deliveries, log, said_at = 0, self.log, self.said_at
        for at in range(0, len(log), 3):
            now, first, last = log[at:at + 3]
            if began <= now < ended:
                deliveries += last - first
                slices[(now - began) // SLICE] += last - first
                latencies.update([(now - said) >> UNIT for said in said_at[first:last] if said >= began])
        return deliveries
