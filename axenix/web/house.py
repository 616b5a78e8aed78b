"""What every handler may use, introduced by `app.py` and found under one key."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from axenix.config import Config
from axenix.rooms import Rooms
from axenix.store.catalogue import Catalogue
from axenix.store.journal import SqliteJournal
from axenix.store.people import People
from axenix.web.limits import PerKey, SlidingCount, TokenBucket, misses, per_minute
from axenix.web.socket import Socket

GUESSES = 10
GUESS_SECONDS = 30 * 60.0


@dataclass
class House:
    config: Config
    secret: bytes
    """Signs the tokens."""
    journal: SqliteJournal
    catalogue: Catalogue
    people: People
    rooms: Rooms
    sockets: set[Socket] = field(default_factory=set)
    sockets_by_address: dict[str, int] = field(default_factory=dict)
    wrong_invites: PerKey[SlidingCount] = field(default_factory=lambda: misses(GUESSES, GUESS_SECONDS))
    new_guests: PerKey[TokenBucket] | None = None

    def __post_init__(self) -> None:
        if self.config.guest_rate:
            self.new_guests = per_minute(self.config.guest_rate)


HOUSE = web.AppKey("house", House)


def house_of(request: web.Request) -> House:
    return request.app[HOUSE]
