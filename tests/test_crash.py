"""Commits that stall, ends that drain, data that others use or that is damaged. Kills under load: test_soak.py."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from pathlib import Path

import aiohttp
import pytest
from harness import RATES_OFF, ServerProcess
from soaking.people import whole_history

from axenix.client import Api


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
