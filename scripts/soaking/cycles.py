"""People who come and go, thousands of times: afterwards the server holds what it held before.

Knows what coming and going is, and which figures must be as they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from axenix.client import Api, Person
from soaking.subject import COUNTING, Holding, holding, subject

IN_ONE_ROOM = 10
PEOPLE = 4
WARM_UP = 200
"""Cycles before the first look: caches fill, modules load."""
GROWTH_MB = 20.0
IDLE_SECONDS = 0.2
SETTLE_SECONDS = 10.0
NOTHING = ("awake", "inside", "Socket", "Stay", "RoomActor", "claims", "addresses")
"""Of these there are none when everyone has gone."""
MORE = {"tasks": PEOPLE, "descriptors": PEOPLE, "threads": 6}
"""How much more of these may be there than before: each of the people keeps a connection for requests or does not, and
Python starts the threads of its pool when they are needed."""


async def come_and_go(person: Person, times: int, tell: Callable[[int], None], pause: float = 0.0) -> None:
    """They leave in every way there is; every other room is deleted, one in ten is only looked at."""
    for number in range(times // IN_ONE_ROOM):
        slug = (await person.create_room(title=f"Room {number}"))["slug"]
        await person.get(f"/api/state/{slug}")
        for visit in range(IN_ONE_ROOM if number % 10 else 0):
            connection = await person.join(slug)
            await asyncio.sleep(pause)
            await (connection.leave, connection.close, connection.drop)[visit % 3]()
        if number % 2:
            await person.call("DELETE", f"/api/rooms/{slug}")
        tell(IN_ONE_ROOM)


async def settled(look: Callable[[], Awaitable[Holding]]) -> Holding:
    """Once the lost have been given up and the rooms have gone to rest, or when that takes too long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + SETTLE_SECONDS
    held = await look()
    while any(held[name] for name in NOTHING) and loop.time() < until:
        await asyncio.sleep(0.2)
        held = await look()
    return held


def left_behind(before: Holding, after: Holding) -> list[str]:
    faults = [f"{after[name]} of {name} are left, and nobody is there" for name in NOTHING if after[name]]
    faults += [f"{name}: {before[name]} before, {after[name]} after" for name, more in MORE.items()
               if after[name] > before[name] + more]
    grown = after["memory_mb"] - before["memory_mb"]
    return faults + ([f"memory has grown by {grown:.1f} MB"] if grown > GROWTH_MB else [])


async def run(folder: Path, times: int, say: Callable[[str], None], *inside: str,
              path: Path | None = None) -> list[str]:
    """`inside`: what else the server has inside it; says what is wrong."""
    server = subject(folder / "data", COUNTING, *inside, path=path, AXENIX_RECONNECT_GRACE="1",
                     SOAK_IDLE=str(IDLE_SECONDS))
    async with server, aiohttp.ClientSession() as session:
        people = [await Api(server.url, session).guest(f"P{n}") for n in range(PEOPLE)]
        done = 0

        def tell(more: int) -> None:
            nonlocal done
            done += more
            if done % 1000 < IN_ONE_ROOM:
                say(f"{done} cycles")

        async def all_go(cycles: int) -> Holding:
            await asyncio.gather(*(come_and_go(each, cycles // PEOPLE, tell) for each in people))
            return await settled(lambda: holding(server, session, True))

        before = await all_go(WARM_UP)
        after = await all_go(times)
        say(f"before: {before}\nafter:  {after}")
        faults = left_behind(before, after)
        return faults if await server.terminate() == 0 else [*faults, "it did not end as it should"]
