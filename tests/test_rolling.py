"""A new process takes the old one's place while everyone talks: nobody loses a line, repeats one, or stays away."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import aiohttp
import pytest
from harness import RATES_OFF, ServerProcess

from axenix.client import Api, Closed, Connection, Frame, Person, Refused

ROOMS, EACH, PACE, RESTARTS = 4, 10, 0.05, 2
LATEST = 10.0
"""Seconds until the last one must be back."""


class Talker:
    """Says line after line, each once, and comes back whenever the server closes; keeps all that it hears."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.heard: list[Frame] = []
        self.acked: dict[str, int] = {}
        self.returns: list[float] = []
        self._name = name
        self._first = connection.last_seq + 1

    async def listen(self, over: asyncio.Event) -> None:
        while not over.is_set():
            async for frame in self.connection:  # raises Gap for a hole or a repeat
                if "seq" in frame:
                    self.heard.append(frame)
            await asyncio.sleep(0.02)

    async def talk(self, over: asyncio.Event) -> None:
        while not over.is_set():
            text = f"{self._name} says {len(self.acked)}"
            self.acked[text] = await self._say(text)
            await asyncio.sleep(random.uniform(0, 2 * PACE))

    async def _say(self, text: str) -> int:
        """Always with the same cid, until it is answered."""
        while True:
            try:
                return await self.connection.chat(text, cid=text)
            except Closed:
                await self._return()

    async def _return(self) -> None:
        while True:
            try:
                await self.connection.resume()
                self.returns.append(time.monotonic())
                return
            except Refused as refused:
                assert refused.reason == "draining", refused
            except (aiohttp.ClientError, Closed, OSError):
                pass  # nobody is there just now
            await asyncio.sleep(random.uniform(0.05, 0.2))

    def check(self, last: int) -> None:
        """Everything was heard, once and in order, and every line that was said stands where its ack says."""
        assert [frame["seq"] for frame in self.heard] == list(range(self._first, last + 1))
        lines = [frame["text"] for frame in self.heard if frame["type"] == "chat.message"]
        assert len(lines) == len(set(lines))
        places = {frame["text"]: frame["seq"] for frame in self.heard if frame["type"] == "chat.message"}
        assert self.acked and self.acked.items() <= places.items()


async def talkers(api: Api) -> list[Talker]:
    found = []
    for number in range(ROOMS):
        people: list[Person] = [await api.guest(f"{number}.{n}") for n in range(EACH)]
        slug = (await people[0].create_room())["slug"]
        found += [Talker(await person.join(slug), f"{slug} {person.id}") for person in people]
    return found


async def heads(everyone: list[Talker]) -> dict[str, int]:
    """The last event of each room."""
    one_each = {talker.connection.slug: talker.connection.person for talker in everyone}
    return {slug: (await person.get(f"/api/state/{slug}"))["seq"] for slug, person in one_each.items()}


@pytest.mark.alone
@pytest.mark.timeout(90)
async def test_restarts_under_load_lose_and_repeat_no_line_and_everyone_is_back_in_seconds(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as server:
        everyone = await talkers(Api(server.url, session))
        quiet, over = asyncio.Event(), asyncio.Event()
        talking = [asyncio.create_task(talker.talk(quiet)) for talker in everyone]
        listening = [asyncio.create_task(talker.listen(over)) for talker in everyone]
        for turn in range(RESTARTS):
            await asyncio.sleep(0.7)
            began = time.monotonic()
            assert await server.terminate() == 0
            await server.start()
            async with asyncio.timeout(LATEST - (time.monotonic() - began)):
                while not all(len(talker.returns) > turn for talker in everyone):
                    await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        quiet.set()
        await asyncio.gather(*talking)
        last = await heads(everyone)
        async with asyncio.timeout(10):
            while not all(talker.connection.last_seq == last[talker.connection.slug] for talker in everyone):
                await asyncio.sleep(0.02)
        over.set()
        await asyncio.gather(*(talker.connection.close(4000) for talker in everyone))
        await asyncio.gather(*listening)
        for talker in everyone:
            talker.check(last[talker.connection.slug])
        assert not any(line.startswith("Traceback") for line in server.stderr)
