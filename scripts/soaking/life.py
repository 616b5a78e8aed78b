"""Mixed life for minutes or days: talk, vanishing and coming back, deletions, uploads, rooms that come and go.

The number of people stays the same, so that whatever grows is a leak. Everybody checks that what they hear is dense and
the same as what others hear; what was acked must have been heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from harness import ServerProcess

from axenix.client import Api, Person
from soaking.cycles import come_and_go
from soaking.people import RETRY_SECONDS, TROUBLE, Eraser, Record, Talker, Uploader
from soaking.subject import COUNTING, holding, stumbles, subject
from soaking.verdict import Sample, judge

ROOMS = 3
TALKERS = 3
REMEMBERED = 5000
"""Events of a room that those who listen compare with one another."""
SAMPLES = 120
"""As many as a run is divided into, but not more often than every half a second nor less than every ten."""
SETTLED = "2"
"""Seconds until an empty room goes to rest."""


class Host:
    """Keeps changing what the room shows: topic, hands, microphones."""

    def __init__(self, person: Person, slug: str) -> None:
        self.person, self.slug = person, slug

    async def live(self) -> None:
        for number in count():
            try:
                async with await self.person.join(self.slug) as connection:
                    await connection.command("state.set", topic=f"Topic {number}")
                    await connection.raise_hand()
                    await connection.media(mic_muted=bool(number % 2))
                    await connection.lower_hand()
                    await self.person.get(f"/api/chat/{self.slug}", limit=20)
                    await asyncio.sleep(0.2)
            except TROUBLE:
                await asyncio.sleep(RETRY_SECONDS)


class Village:
    def __init__(self) -> None:
        self.talkers: list[Talker] = []
        self.records: list[Record] = []
        self.lives: list[Coroutine[Any, Any, None]] = []
        self.faults: list[str] = []

    async def settle(self, api: Api) -> None:
        for number in range(ROOMS):
            owner = await api.guest("Olga")
            slug, record = (await owner.create_room(title=f"Room {number}"))["slug"], Record(REMEMBERED)
            talkers = [Talker(await api.guest(f"T{n}"), slug, record, 0.03) for n in range(TALKERS)]
            talkers.append(Talker(await api.guest("Rae"), slug, record, 0.03, stay=0.5))
            eraser, uploader, comer = [await api.guest(name) for name in ("Eve", "Una", "Cem")]
            for each in (eraser, uploader):
                await each.post(f"/api/participants/{slug}/join")
            self.talkers += talkers
            self.records.append(record)
            self.lives += [each.live() for each in talkers]
            self.lives += [Host(owner, slug).live(), Eraser(eraser, slug, 0.1, remembers=False).live(),
                           Uploader(uploader, slug, 0.5, keeps=False).live(),
                           come_and_go(comer, 1 << 62, lambda done: None, 0.05)]

    def look(self) -> float:
        """The p99 of what was said since the last look, in milliseconds; what was acked must have been heard."""
        waited = sorted(second for each in self.talkers for second in each.waited)
        for each in self.talkers:
            each.waited.clear()
            for cid in [cid for cid, seq in each.acked.items() if seq <= each.last]:
                event = each.record.events.get(seq := each.acked.pop(cid))
                if event is not None and event.get("text") != cid:
                    self.faults.append(f"{cid} was acked as {seq}, which is {event}")
        for record in self.records:
            record.forget()
        return 1000 * waited[len(waited) * 99 // 100] if waited else 0.0


async def run(folder: Path, minutes: float, say: Callable[[str], None], *inside: str,
              path: Path | None = None) -> list[str]:
    """Says what is wrong."""
    server = subject(folder / "data", COUNTING, *inside, path=path, SOAK_IDLE=SETTLED, AXENIX_RECONNECT_GRACE="2")
    async with server, aiohttp.ClientSession() as session:
        village = Village()
        await village.settle(Api(server.url, session))
        tasks = [asyncio.create_task(life) for life in village.lives]
        try:
            samples = await watch(server, session, village, tasks, 60 * minutes, say)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        faults = [f"{type(end).__name__}: {end}" for end in ends if not isinstance(end, asyncio.CancelledError)]
        faults += village.faults + judge(samples)
        faults += stumbles(server)
        return faults if await server.terminate() == 0 else [*faults, "it did not end as it should"]


async def watch(server: ServerProcess, session: aiohttp.ClientSession, village: Village,
                tasks: list[asyncio.Task[None]], seconds: float, say: Callable[[str], None]) -> list[Sample]:
    """Until the time is up, or somebody's life is over, which should not be."""
    samples, began = list[Sample](), time.monotonic()
    every = min(10.0, max(0.5, seconds / SAMPLES))
    while (now := time.monotonic() - began) < seconds and not any(task.done() for task in tasks):
        await asyncio.sleep(every)
        held, lines = await holding(server, session), sum(each.line for each in village.talkers)
        samples.append(Sample(now, held["memory_mb"], held["tasks"], held["descriptors"], held["threads"],
                              village.look()))
        say(f"{samples[-1]}, {lines} lines")
    return samples
