"""Where a client stands that comes back: protocol section 5 as a function."""

from __future__ import annotations

from typing import NamedTuple


class Horizon(NamedTuple):
    """How far the history of a room reaches."""

    head: int
    """The last seq; 0 before the first event."""
    floor: int
    """The first seq that sync still has."""
    epoch: str


def lost_track(horizon: Horizon, after_seq: int, epoch: str | None) -> str | None:
    """Why the client's state cannot be continued, or None: everything after `after_seq` can be had."""
    if epoch is not None and epoch != horizon.epoch:
        return "epoch"
    if after_seq > horizon.head:
        return "ahead"
    if after_seq < horizon.floor - 1:
        return "truncated"
    return None
