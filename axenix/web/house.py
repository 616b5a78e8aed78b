"""What every handler may use, introduced by `app.py` and found under one key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

from aiohttp import web

from axenix.config import Config
from axenix.errors import Refused
from axenix.links import key_from
from axenix.pictures import Pictures
from axenix.room.commands import ShowProfile
from axenix.room.permits import Who
from axenix.rooms import Rooms
from axenix.store.catalogue import Catalogue
from axenix.store.database import Database
from axenix.store.disk import Disk
from axenix.store.files import Files
from axenix.store.foreign import Foreigners
from axenix.store.journal import SqliteJournal
from axenix.store.outbox import Outbox
from axenix.store.partials import Partials
from axenix.store.people import People, Person
from axenix.tally import Tally
from axenix.web.arrivals import Uploads
from axenix.web.doorway import Doorway, make_room
from axenix.web.foreign import Site
from axenix.web.limits import PerKey, SlidingCount, TokenBucket, misses, per_minute
from axenix.web.socket import Socket

Key = TypeVar("Key", str, int)
AT_THE_DOOR = 8
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
    foreigners: Foreigners
    outbox: Outbox
    rooms: Rooms
    database: Database
    tally: Tally
    sockets: set[Socket] = field(default_factory=set)
    sockets_by_address: dict[str, int] = field(default_factory=dict)
    sockets_by_user: dict[int, int] = field(default_factory=dict)
    wrong_invites: PerKey[SlidingCount] = field(default_factory=lambda: misses(GUESSES, GUESS_SECONDS))
    new_guests: PerKey[TokenBucket] | None = None
    changes: PerKey[TokenBucket] | None = None
    """Requests that change something, by user."""
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_THE_DOOR))
    """On the way in: a crowd waits before its handshakes, which are most of the work, and those inside are heard."""
    pictures: Pictures = field(default_factory=Pictures)
    hinted: bool = False
    """Whoever runs this has been told of a proxy that is not trusted; once is enough."""

    def __post_init__(self) -> None:
        if self.config.guest_rate:
            self.new_guests = per_minute(self.config.guest_rate)
        self.uploads = Uploads(self.tally)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.disk = Disk(self.config.data_dir)
        self.files = Files(self.config.data_dir)
        self.partials = Partials(self.files.uploads)
        self.link_key = key_from(self.secret)
        self.site = Site.of(self.config)
        """Whose tokens are taken besides our own."""
        self.doorway = Doorway(
            self.config.connections_per_address, self.config.trusted_proxies, make_room(), self.sockets)
        if self.config.message_rate:
            self.changes = PerKey(partial(TokenBucket, *self.config.message_rate))

    def turn(self, what: str) -> asyncio.Lock:
        """Whoever looks first and then changes what was looked at does so alone."""
        return self._turns.setdefault(what, asyncio.Lock())

    def show(self, person: Person) -> None:
        """Tell the rooms this person is in."""
        for actor in self.rooms.with_user(person.id):
            actor.tell(Who(person.id), ShowProfile(person.nickname, person.avatar_url))

    def enter(self, socket: Socket, sender: str) -> None:
        self.sockets.add(socket)
        self.sockets_by_address[sender] = self.sockets_by_address.get(sender, 0) + 1

    def belongs(self, socket: Socket, user_id: int) -> None:
        """Raises Refused when this user has too many."""
        socket.user_id, most = user_id, self.config.connections_per_user
        self.sockets_by_user[user_id] = self.sockets_by_user.get(user_id, 0) + 1
        if most and self.sockets_by_user[user_id] > most:
            raise Refused("rate_limited", f"At most {most} connections of one user.")

    def leave(self, socket: Socket, sender: str) -> None:
        self.sockets.discard(socket)
        one_less(self.sockets_by_address, sender)
        if socket.user_id:
            one_less(self.sockets_by_user, socket.user_id)


def one_less(counts: dict[Key, int], key: Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


HOUSE = web.AppKey("house", House)


def house_of(request: web.Request) -> House:
    return request.app[HOUSE]
