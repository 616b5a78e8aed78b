"""Webhooks: what happens in the rooms is told to the operator's own server, room by room, in order, at least once.

Knows requests, answers and patience; what is still to be told is in the outbox. The journal says once a batch which
rooms have something new, and nothing here ever holds up a commit.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import random
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import msgspec

from axenix.errors import CannotStart, Refused
from axenix.room.moment import iso
from axenix.store.outbox import Outbox, Parcel
from axenix.web.house import House

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Requests under way, each of another room."""
SECONDS = 10.0
"""For a request, until its answer is there."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
ANSWER_BYTES = 4096
"""Of an answer; what it says is of no use."""
PASSING = {408, 409, 425, 429}
"""Statuses from 400 to 499 after which it is worth another try."""
PERSIST_SECONDS = 0.5
LOOK_SECONDS = 2.0
STORAGE_SECONDS = 5.0


class Failed(Exception):
    """It was not taken; `for_good` says that it would not be the next time either."""

    def __init__(self, why: str, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good


@asynccontextmanager
async def telling(house: House) -> AsyncIterator[None]:
    """While this goes on the webhook hears of everything. Raises CannotStart."""
    url, secret = house.config.webhook_url, house.config.webhook_secret
    if url is None or secret is None:
        yield
        return
    try:
        await house.outbox.begin()
    except Refused as refused:
        raise CannotStart(f"the webhook cannot begin: {refused.detail} ({refused.reason})") from None
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        hooks = Hooks(house.outbox, session, url, secret, house.config.webhook_patience)
        house.journal.on_durable = hooks.wake
        try:
            yield
        finally:
            house.journal.on_durable = None
            await hooks.close()


class Hooks:
    def __init__(
        self, outbox: Outbox, session: aiohttp.ClientSession, url: str, secret: bytes, patience: float
    ) -> None:
        self._outbox = outbox
        self._session = session
        self._url = url
        self._secret = secret
        self._patience = patience
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._rooms: dict[int, asyncio.Task[None]] = {}
        """One task for each room that has something to be told, so that no two requests are of one room."""
        self._news: set[int] = set()
        """Rooms in which more has happened since their task looked."""
        self._told: dict[int, int] = {}
        """By room, the last event that was told and is not yet marked so in the database."""
        self._chores = [asyncio.create_task(self._persist()), asyncio.create_task(self._look())]

    def wake(self, rooms: Iterable[int]) -> None:
        """These have something new."""
        for room in rooms:
            self._news.add(room)
            if room not in self._rooms:
                task = self._rooms[room] = asyncio.create_task(self._serve(room))
                task.add_done_callback(partial(self._end, room))

    def _end(self, room: int, task: asyncio.Task[None]) -> None:
        del self._rooms[room]
        if task.cancelled():
            return
        if (bug := task.exception()) is not None:
            self._news.discard(room)
            log.error("the webhook of room %s has stopped until the next event there", room, exc_info=bug)
        elif room in self._news:  # it happened just as the task ended
            self.wake([room])

    async def close(self) -> None:
        tasks = [*self._chores, *self._rooms.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._mark()

    # ---- a room ----

    async def _serve(self, room: int) -> None:
        while room in self._news:
            self._news.discard(room)
            try:
                while await self._replay(room) or await self._tell(room):
                    pass
            except Refused as refused:
                log.warning("the webhook of room %s waits for the storage: %s", room, refused.reason)
                await asyncio.sleep(STORAGE_SECONDS)
                self._news.add(room)

    async def _tell(self, room: int) -> bool:
        """Tries until the next parcel is told, or dead. False: there is none."""
        tries = 0
        while True:
            async with self._slots:  # read once it is our turn: what has been deleted by now is not told
                parcel = await self._outbox.next(room, self._told.get(room, 0))
                if parcel is None:
                    return False
                try:
                    await self._post(parcel)
                except Failed as failed:
                    failure = failed
                else:
                    self._told[room] = parcel.last
                    if parcel.failing_since is not None:
                        await self._outbox.delivered({room: parcel.last})
                    return True
            if await self._has_died(parcel, failure):
                return True
            tries += 1
            await asyncio.sleep(wait_before(tries))

    async def _has_died(self, parcel: Parcel, failed: Failed) -> bool:
        now = time.time()
        since = parcel.failing_since if parcel.failing_since is not None else now
        if failed.for_good or now - since >= self._patience:
            log.error("webhook: %s events %d to %d are given up: %s; `python -m axenix dead-letters` lists and "
                      "replays them", parcel.slug, parcel.first, parcel.last, failed)
            await self._outbox.died(parcel, str(failed), iso(int(now * 1000)))
            return True
        if parcel.failing_since is None:
            log.warning("webhook: %s from event %d on has to wait: %s", parcel.slug, parcel.first, failed)
            await self._outbox.failing(parcel, now)
        return False

    async def _replay(self, room: int) -> bool:
        """One dead letter that was asked for. False: there is none."""
        async with self._slots:
            found = await self._outbox.to_replay(room)
            if found is None:
                return False
            letter, parcel = found
            refusal = None if parcel.bodies else "its events are gone: retention has deleted them"
            if refusal is None:
                try:
                    await self._post(parcel)
                except Failed as failed:
                    refusal = str(failed)
        await self._outbox.replayed(letter, refusal)
        return True

    # ---- a request ----

    async def _post(self, parcel: Parcel) -> None:
        """Raises Failed."""
        head = msgspec.json.encode({"room": parcel.slug, "epoch": parcel.epoch})[:-1]
        body = head + b',"events":[' + b",".join(parcel.bodies) + b"]}"
        headers = {
            "Content-Type": "application/json", "User-Agent": "axenix-webhook", "Axenix-Delivery": parcel.name,
            "Axenix-Signature": signature(self._secret, body, int(time.time())),
        }
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
                await response.content.read(ANSWER_BYTES)
        except TimeoutError:
            raise Failed(f"no answer within {SECONDS:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Failed(f"{type(error).__name__}: {plainly(error)}"[:500]) from None
        if not 200 <= status < 300:
            raise Failed(f"answered with status {status}", 400 <= status < 500 and status not in PASSING)

    # ---- what goes on besides ----

    async def _persist(self) -> None:
        """All rooms' marks in one write, now and then: a crash before it only repeats."""
        while True:
            await asyncio.sleep(PERSIST_SECONDS)
            await self._mark()

    async def _mark(self) -> None:
        told = dict(self._told)
        if not told:
            return
        try:
            await self._outbox.delivered(told)
        except Refused as refused:
            log.warning("how far the webhook has been told is not marked now: %s", refused.reason)
            return
        for room, seq in told.items():
            if self._told.get(room) == seq:
                del self._told[room]

    async def _look(self) -> None:
        """For what an earlier process has left, and for dead letters that somebody wants sent again."""
        wanted: Iterable[int] = ()
        is_begun = False
        while True:
            try:
                wanted = await self._outbox.take_requests() if is_begun else await self._outbox.behind()
                is_begun = True
                self.wake(wanted)
            except (Refused, OSError, ValueError) as error:
                log.warning("dead letters cannot be looked for now: %s", error)
            await asyncio.sleep(LOOK_SECONDS if is_begun else STORAGE_SECONDS)


def plainly(error: aiohttp.ClientError | OSError) -> str:
    """What went wrong, without the address, which may hold a key."""
    match error:
        case aiohttp.ClientResponseError(message=message):
            return message
        case aiohttp.InvalidURL(description=description):
            return description or "that is no address"
    return str(error)


def signature(secret: bytes, body: bytes, now: int) -> str:
    signed = hmac.new(secret, b"%d." % now + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={signed}"


def wait_before(tries: int) -> float:
    """Twice as long each time, and never the same for all rooms."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 20))
    return longest * random.uniform(0.5, 1.0)
