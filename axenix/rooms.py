"""The rooms that are awake: opened when somebody asks, put to rest when nobody is there.

Knows actors, a journal and a catalogue by their faces; no state here spans rooms beyond the list of who is awake.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Callable, Protocol

from axenix.actor import Ended, RoomActor
from axenix.audience import Audience, Peer
from axenix.errors import Close, Refused
from axenix.lines import Journal, read_line
from axenix.room.commands import Join
from axenix.room.fold import apply, lose_everyone
from axenix.room.moment import Moment
from axenix.room.permits import Who
from axenix.room.state import Law, thaw
from axenix.scribe import Scribe
from axenix.tally import Tally
from axenix.turn import Resume, View

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
SWEEP_SECONDS = 1.0
OPENING_READ = 1000
TRIES = 3


_latest = Moment.of(0.0, 0.0)


def clock() -> Moment:
    """Made once a millisecond, however many rooms take their turns in it."""
    global _latest
    now = time.time()
    if int(now * 1000) != _latest.ms:
        _latest = Moment.of(now, time.monotonic())
    return _latest


class Numbered(Protocol):
    @property
    def id(self) -> int: ...


class Catalogue(Protocol):
    async def find(self, slug: str) -> Numbered | None: ...

    async def awake(self) -> list[tuple[int, str]]: ...

    async def erase(self, room: int) -> None: ...


class Rooms:
    def __init__(
        self, journal: Journal, catalogue: Catalogue, law: Law, *, retention: int,
        now: Callable[[], Moment] = clock, tally: Tally | None = None,
    ) -> None:
        self.draining = False
        self.tally = tally or Tally()
        self._journal = journal
        self._catalogue = catalogue
        self._law = law
        self._retention = retention
        self._clock = now
        self._awake: dict[str, RoomActor] = {}
        self._opening: dict[str, asyncio.Task[RoomActor]] = {}
        self._idle_since: dict[str, float] = {}

    # ---- finding and opening ----

    async def open(self, slug: str) -> RoomActor:
        """The actor of this room, woken up if need be. Raises Refused("room_not_found")."""
        actor = self._awake.get(slug)
        if actor is not None:
            return actor
        task = self._opening.get(slug)
        if task is None:
            task = self._opening[slug] = asyncio.create_task(self._wake(slug))
            task.add_done_callback(lambda done: self._opening.pop(slug, None))
        return await asyncio.shield(task)  # one asker's going away does not stop it for the others

    async def _wake(self, slug: str) -> RoomActor:
        listed = await self._catalogue.find(slug)
        if listed is None:
            raise Refused("room_not_found")
        number = listed.id
        claim = await self._journal.claim(number)
        room = thaw(claim.frozen, self._law)
        while room.seq < claim.seq:
            lines = await self._journal.after(number, room.seq, limit=OPENING_READ)
            if not lines:
                raise ValueError(f"room {slug}: its history ends at {room.seq} and not at {claim.seq}")
            for line in lines:
                apply(room, read_line(line))
        lose_everyone(room, self._clock().mono)
        scribe = Scribe(self._journal, number, claim, self._retention)
        actor = RoomActor(room, scribe, Audience(self.tally), self._clock)
        actor.on_end = self._forget
        self._awake[slug] = actor
        return actor

    def _forget(self, actor: RoomActor) -> None:
        if self._awake.get(actor.slug) is actor:
            del self._awake[actor.slug]

    async def wake_the_inhabited(self) -> None:
        """After a start: those who were inside have the grace to come back, and then must be seen to leave."""
        for _, slug in await self._catalogue.awake():
            try:
                await self.open(slug)
            except Refused as refused:
                log.warning("room %s could not be opened: %s", slug, refused.reason)
            except Exception:  # what one room has kept cannot be read; the others are woken all the same
                log.exception("room %s could not be opened", slug)

    # ---- asking ----

    async def ask(self, slug: str, who: Who, command: Any, view: View | None = None) -> Any:
        """See `RoomActor.ask`; an actor that ended before it answered has done nothing, so another is asked."""
        return await self._try(slug, lambda actor: actor.ask(who, command, view))

    async def read(self, slug: str, view: View) -> Any:
        return await self._try(slug, lambda actor: actor.read(view))

    async def join(self, slug: str, peer: Peer, command: Join, resume: Resume | None) -> RoomActor:
        """Let a socket in; its actor is returned once the peer has been told so."""
        async def enter(actor: RoomActor) -> RoomActor:
            await actor.join(peer, command, resume)
            return actor

        actor: RoomActor = await self._try(slug, enter)
        return actor

    async def _try(self, slug: str, what: Callable[[RoomActor], Any]) -> Any:
        for _ in range(TRIES):
            actor = await self.open(slug)
            try:
                return await what(actor)
            except Ended:
                continue
        raise Refused("storage_unavailable")

    # ---- what spans rooms, looked at and not kept ----

    def awake(self) -> list[RoomActor]:
        return list(self._awake.values())

    def with_user(self, user_id: int) -> list[RoomActor]:
        """Those that a change of this user concerns."""
        return [actor for actor in self._awake.values() if actor.concerns(user_id)]

    def awake_one(self, slug: str) -> RoomActor | None:
        return self._awake.get(slug)

    def online_count(self, slug: str) -> int:
        actor = self._awake.get(slug)
        return actor.online_count if actor else 0

    # ---- ends ----

    async def delete(self, slug: str) -> None:
        """The room, its history and its files are gone; whoever is inside is told so."""
        actor = await self.open(slug)
        actor.closing = Refused("room_not_found")
        try:
            await self._catalogue.erase(actor.number)
        except BaseException:
            actor.closing = None
            raise
        actor.end(Refused("room_not_found"), Close.ROOM_DELETED)

    async def sweep(self) -> None:
        """Once a second: close the stuck, put the idle to rest."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._look_around()
            self.tally.sweeps["rooms"] += 1

    def _look_around(self) -> None:
        """Apart from `sweep`, whose own variables would keep the last actor alive while it sleeps."""
        now = self._clock().mono
        for slug, actor in list(self._awake.items()):
            actor.audience.sweep(now)
            if not actor.idle:
                self._idle_since.pop(slug, None)
            elif now - self._idle_since.setdefault(slug, now) > IDLE_SECONDS:
                del self._idle_since[slug]
                actor.rest()

    def drain(self) -> None:
        """Before a restart: nobody comes in any more, and everyone inside is told to come back in a moment."""
        self.draining = True
        for actor in self.awake():
            actor.audience.disperse(Close.RESTART)
