"""How a peer that has missed something comes level with the room: pages of history, then live, without gap or repeat.

The pages end exactly at what the audience has heard, and the step from the last page to live is one synchronous call
between two turns. Knows the journal and the room's horizon; decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Sequence

from axenix import wire
from axenix.audience import Peer
from axenix.errors import Close, Refused
from axenix.lines import Journal, Line
from axenix.room.resume import Horizon

if TYPE_CHECKING:
    from axenix.actor import RoomActor

log = logging.getLogger(__name__)

PAGE = 500
"""Events a page when catching up."""
PAGE_BYTES = 256 * 1024
"""A page ends early beyond this size, so that a room of long messages does not fill the memory."""
READ = 250
"""Lines read from the journal at a time."""
FIRST_READ = 32
"""The same as long as it is not known how long they are."""


KEPT = 16
"""Pages of a room that are kept for others who may want them too."""
TAIL = 256
"""Events kept in memory for those who have only just missed them."""


class Tail:
    """The last of what everyone inside has heard."""

    def __init__(self, head: int, pages: Pages) -> None:
        self.pages = pages
        self.head = head
        """The last seq that was told."""
        self._lines: deque[Line] = deque(maxlen=TAIL)

    def add(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if line.redacts:
                self.pages.forget()
                self._lines = deque((each for each in self._lines if each.seq != line.redacts), TAIL)
            self._lines.append(line)
            self.head = line.seq

    def forget(self) -> None:
        """What comes now is read from the journal again."""
        self.pages.forget()
        self._lines.clear()

    def since(self, after: int) -> list[bytes] | None:
        """Everything told after this seq; None: not all of it is here."""
        bodies = [line.body for line in self._lines if line.seq > after]
        return bodies if len(bodies) >= self.head - after else None


class Hole(Exception):
    """History no longer has the next event: retention has overtaken a slow reader."""


def page_of(bodies: Sequence[bytes], last: int, horizon: Horizon) -> bytes:
    """The JSON of one page; `next_seq` is where the next page begins."""
    return wire.page(bodies, last + 1, horizon.floor, horizon.epoch, last < horizon.head)


async def read_page(journal: Journal, room: int, horizon: Horizon, after: int, limit: int) -> tuple[bytes, int]:
    """One page of history from `after` + 1 on, and the last seq on it. Raises Hole."""
    lines: list[Line] = []
    size = 0
    while len(lines) < limit and size < PAGE_BYTES:
        start = lines[-1].seq if lines else after
        fitting = (PAGE_BYTES - size) * len(lines) // size + 1 if size else FIRST_READ
        more = await journal.after(room, start, limit=min(READ, fitting, limit - len(lines)), upto=horizon.head)
        if not more:
            break
        lines += more
        size += sum(len(line.body) for line in more)
    last = lines[-1].seq if lines else after
    if last != after + len(lines):
        raise Hole
    return page_of([line.body for line in lines], last, horizon), last


class Pages:
    """Full pages of history, each read once for all who come back together. Nothing is kept while nobody is behind."""

    def __init__(self, journal: Journal, room: int) -> None:
        self._journal = journal
        self._room = room
        self._readers = 0
        self._kept: dict[tuple[int, int], asyncio.Task[tuple[bytes, int]]] = {}

    async def after(self, horizon: Horizon, after: int) -> tuple[bytes, int]:
        """The next page, framed, and the last seq on it. Raises Hole, Refused."""
        if after + PAGE > horizon.head:
            return await self._read(horizon, after)  # the last page; its end is still moving
        place = after, horizon.floor
        page = self._kept.get(place)
        if page is None:
            page = self._kept[place] = asyncio.create_task(self._read(horizon, after))
            page.add_done_callback(lambda done: done.cancelled() or done.exception() and self._kept.pop(place, None))
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return await asyncio.shield(page)  # whoever goes away does not take it from the others

    async def _read(self, horizon: Horizon, after: int) -> tuple[bytes, int]:
        page, last = await read_page(self._journal, self._room, horizon, after, PAGE)
        return wire.typed("sync.batch", page), last

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Somebody is behind."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                self.forget()

    def forget(self) -> None:
        """Also when a text has been deleted: what was read before may still have it."""
        self._kept.clear()


async def catch_up(actor: RoomActor, pages: Pages, peer: Peer, after: int) -> None:
    """Send what the peer has missed, a page at a time and no faster than it reads, until it is live."""
    try:
        with pages.reading():
            await _follow(actor, pages, peer, after)
    except ConnectionError:
        actor.audience.part(peer, Close.TOO_SLOW)
    except Hole:
        actor.audience.part(peer, Close.START_OVER)
    except Refused as refused:
        log.warning("a peer could not catch up: %s", refused.reason)
        actor.audience.part(peer, Close.for_refusal(refused.reason))
    except Exception:  # or its pings would be answered for ever, and nothing else
        log.exception("room %s: a peer could not catch up", actor.slug)
        actor.audience.part(peer, Close.START_OVER)


async def _follow(actor: RoomActor, pages: Pages, peer: Peer, after: int) -> None:
    first = True
    while not actor.go_live(peer, after, first):
        if actor.audience.of(peer.user_id) is not peer:
            return  # gone, or replaced
        page, after = await pages.after(actor.horizon(), after)
        peer.write(page)
        first = False
        await peer.drained()
