"""What of a room is written down, and when: its lines, now and then a checkpoint, and its card when that has changed.

Knows the journal's face and the room's claim on it; decides nothing and tells nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from axenix.lines import Card, Checkpoint, Claim, Journal, Line, Then, Writing
from axenix.room.state import Room, freeze

log = logging.getLogger(__name__)

CHECKPOINT_EVERY = 1000
"""Events between two checkpoints: what opening a room reads at most."""


class Scribe:
    def __init__(self, journal: Journal, number: int, claim: Claim, retention: int) -> None:
        self.journal = journal
        self.number = number
        self._claim = claim
        self._retention = retention
        self._every = min(CHECKPOINT_EVERY, max(1, retention // 2)) if retention else CHECKPOINT_EVERY
        self._checkpointed = claim.frozen_seq
        self._unrested = claim.seq != claim.frozen_seq

    @property
    def refusal(self) -> str | None:
        return self.journal.refusal

    def floor(self, head: int) -> int:
        """The first seq that sync still has when `head` is the last."""
        return max(self._claim.floor, head - self._retention + 1) if self._retention else self._claim.floor

    def write(self, room: Room, lines: Sequence[Line], card_changed: bool, then: Then) -> None:
        """The lines are the last that were applied to the room. See `Journal.write`."""
        self._unrested = True
        due = room.seq - self._checkpointed >= self._every
        writing = Writing(lines, card_of(room) if card_changed else None, self._checkpoint(room) if due else None)
        self.journal.write(self.number, self._claim.term, writing, then)

    def rest(self, room: Room) -> None:
        """Nobody is inside: the next one who opens the room reads this checkpoint and nothing else."""
        if self._unrested:
            writing = Writing([], None, self._checkpoint(room, resting=True))
            self.journal.write(self.number, self._claim.term, writing, _heed)

    def checkpoint(self, room: Room) -> asyncio.Future[None]:
        """The room as it is now, in place of what it was. Done when durable."""
        return self.journal.append(self.number, self._claim.term, Writing([], None, self._checkpoint(room)))

    def end(self) -> None:
        """Nothing more will be written; the journal need not remember the claim."""
        self.journal.release(self.number, self._claim.term)

    def _checkpoint(self, room: Room, resting: bool = False) -> Checkpoint:
        self._checkpointed = room.seq
        return Checkpoint(room.seq, freeze(room), self.floor(room.seq), resting)


def card_of(room: Room) -> Card:
    return Card(**{name: getattr(room, name) for name in Card.__struct_fields__})


def _heed(failure: Exception | None) -> None:
    """A room that could not write its resting checkpoint loses nothing but the time to read a longer history."""
    if failure is not None:
        log.warning("a resting checkpoint was not written: %s", failure)
