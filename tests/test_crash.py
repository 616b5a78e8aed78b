"""The process is killed under load, again and again: what anyone saw or was told is there, once, under its number."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import time
from pathlib import Path

import aiohttp
import pytest
from harness import RATES_OFF, ServerProcess

from axenix.client import Api, Closed, Connection, Frame, Person, Refused

KILLS = 20
TALKERS = 4
TROUBLE = (Closed, Refused, aiohttp.ClientError, OSError, asyncio.TimeoutError)


class Talker:
    """Says one line after the other, each until it is acked, and writes down all that it hears."""

    def __init__(self, person: Person, slug: str) -> None:
        self.person, self.slug = person, slug
        self.heard: dict[int, Frame] = {}
        self.acked: dict[str, int] = {}
        self.line = 0

    async def live(self) -> None:
        after, epoch = 0, None
        while True:
            try:
                connection = await self.person.join(self.slug, after_seq=after, epoch=epoch)
            except TROUBLE:
                await asyncio.sleep(0.02)
                continue
            epoch = connection.epoch
            listening = asyncio.create_task(self.listen(connection))
            try:
                await self.talk(connection)
            except TROUBLE:
                pass
            await connection.drop()
            await listening
            after = max(self.heard, default=0)

    async def talk(self, connection: Connection) -> None:
        while True:
            cid = f"{self.person.id}-{self.line}"
            self.acked[cid] = await connection.chat(cid, cid)
            self.line += 1

    async def listen(self, connection: Connection) -> None:
        async for event in connection:
            if "created_at" in event:
                assert self.heard.setdefault(event["seq"], event) == event, "an event was renumbered"


async def whole_history(person: Person, slug: str) -> list[Frame]:
    items: list[Frame] = []
    while True:
        page = await person.get(f"/api/sync/{slug}", after_seq=len(items), limit=1000)
        items += page["items"]
        if not page["has_more"]:
            return items


@pytest.mark.timeout(180)
@pytest.mark.alone
async def test_twenty_kills_under_load_lose_double_and_renumber_nothing(
    server: ServerProcess, api: Api, tmp_path: Path
) -> None:
    owner = await api.guest("Olga")
    slugs = [(await owner.create_room(title=name))["slug"] for name in ("one", "two")]
    talkers = [Talker(await api.guest(f"T{n}"), slug) for slug in slugs for n in range(TALKERS)]
    tasks = [asyncio.create_task(talker.live()) for talker in talkers]
    chance = random.Random(20)
    try:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.1, 0.5))
            await server.restart()
        await asyncio.sleep(1)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
    for talker in talkers:
        assert talker.line > KILLS, "everybody got a word in between the kills"
    for slug in slugs:
        check(await whole_history(await member(api, slug), slug), [each for each in talkers if each.slug == slug])
    await server.terminate()
    with sqlite3.connect(tmp_path / "data" / "axenix.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


async def member(api: Api, slug: str) -> Person:
    reader = await api.guest("reader")
    await reader.post(f"/api/participants/{slug}/join")
    return reader


def check(history: list[Frame], talkers: list[Talker]) -> None:
    assert [event["seq"] for event in history] == list(range(1, len(history) + 1))
    said = [event["text"] for event in history if event["type"] == "chat.message"]
    assert len(said) == len(set(said)), "a line was doubled"
    for talker in talkers:
        for seq, event in talker.heard.items():
            assert history[seq - 1] == event, "somebody saw what is not there"
        assert list(talker.heard) == sorted(talker.heard)
        for cid, seq in talker.acked.items():
            assert history[seq - 1]["text"] == cid, "an acked line is lost"


@pytest.mark.timeout(60)
@pytest.mark.alone
async def test_while_a_commit_takes_two_seconds_signals_pass_within_fifty_milliseconds(
    server: ServerProcess, api: Api, tmp_path: Path
) -> None:
    ann, bob = await api.guest("Ann"), await api.guest("Bob")
    slug = (await ann.create_room(title="stall"))["slug"]
    one, two = await ann.join(slug), await bob.join(slug)
    await two.next("member.joined", user_id=bob.id)
    other = sqlite3.connect(tmp_path / "data" / "axenix.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # nobody else can commit until this ends
    stalled = time.monotonic()
    said = asyncio.create_task(one.chat("waits for the disk"))
    await asyncio.sleep(0.1)
    for signal_type, fields in (
        ("offer", {"to": bob.id, "sdp": "v=0"}), ("answer", {"to": bob.id, "sdp": "v=0"}),
        ("ice", {"to": bob.id, "candidate": "x"}), ("chat.typing", {"is_typing": True}),
    ):
        began = time.monotonic()
        await one.send(signal_type, **fields)
        await two.next(signal_type)
        assert time.monotonic() - began < 0.05, signal_type
    await asyncio.sleep(2 - (time.monotonic() - stalled))
    assert not said.done(), "the stall was none"
    other.execute("ROLLBACK")
    other.close()
    assert await said == (await two.next("chat.message"))["seq"]
    await one.close(), await two.close()


@pytest.mark.timeout(60)
@pytest.mark.alone
async def test_a_drain_tells_everyone_to_come_back_and_loses_nothing_acked(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path / "data", **RATES_OFF) as server, aiohttp.ClientSession() as session:
        api = Api(server.url, session)
        ann = await api.guest("Ann")
        slug = (await ann.create_room(title="drain"))["slug"]
        people = [await api.guest(f"P{n}") for n in range(30)]
        sockets = [await person.join(slug) for person in people]
        sleepers = [await api.guest("S") for _ in range(3)]
        soon = aiohttp.ClientWSTimeout(ws_close=0.1)  # who reads nothing hears no answer to a close either
        stuck = [await session.ws_connect(f"{server.url}/ws/rooms/{slug}?token={each.token}", timeout=soon)
                 for each in sleepers]
        for ws in stuck:  # they stop reading, so they will not answer a close either
            ws._reader._protocol.pause_reading()
        acked = [await connection.chat("hello") for connection in sockets]
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        for connection in sockets:
            async for _ in connection:
                pass
            assert connection.close_code == 1012
        assert time.monotonic() - began < 2
        assert await server.ended() == 0
        assert time.monotonic() - began < 5
        await server.start()
        history = await whole_history(people[0], slug)
        assert {history[seq - 1]["text"] for seq in acked} == {"hello"}
        for ws in stuck:
            await ws.close()


async def test_a_second_process_on_the_same_data_is_refused(server: ServerProcess, tmp_path: Path) -> None:
    second = ServerProcess(tmp_path / "data")
    with pytest.raises(Exception, match="exit code [1-9]"):
        await second.start()
    assert len(second.stderr) == 1 and "another" in second.stderr[0].lower()
    assert server.is_running


async def test_a_damaged_database_is_refused_with_one_line_and_left_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with ServerProcess(data, **RATES_OFF):
        pass
    database = data / "axenix.db"
    content = bytearray(database.read_bytes())
    content[:4096] = b"\0" * 4096
    for path in data.glob("axenix.db*"):
        path.unlink()
    database.write_bytes(content)
    second = ServerProcess(data)
    with pytest.raises(Exception, match="exit code 3"):
        await second.start()
    assert len(second.stderr) == 1
    assert database.read_bytes() == bytes(content)
