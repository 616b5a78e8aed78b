"""Uploads beside a living server: how little memory they take, that they disturb nobody, what a kill leaves."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.http_exceptions import TransferEncodingError
from harness import ServerProcess
from uploading import BOUNDARY, WEBM, kept, part, picture, post, send, webm

from axenix.client import Api, Person
from axenix.tally import Tally
from axenix.web.house import HOUSE
from axenix.web.uploads import PIECE, Body, BrokenOff

pytestmark = pytest.mark.timeout(180)
SIZE = 300 << 20
BLOCK, STEP = os.urandom(1 << 20), 1 << 16


def resident(pid: int) -> int:
    """Bytes of the process that are in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


async def big_form(size: int) -> AsyncIterator[bytes]:
    yield part("file", WEBM)[:-2]
    for start in range(0, size, STEP):
        yield BLOCK[start % len(BLOCK):][:STEP]  # smaller steps, for the clock ticks in this process, too
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class Clock:
    """Somebody who speaks fifty times a second in another room, and how long the others wait for it."""

    def __init__(self, speaker: Person, listener: Person, slug: str) -> None:
        self.waits: list[float] = []
        self._task = asyncio.create_task(self._run(speaker, listener, slug))

    async def _run(self, speaker: Person, listener: Person, slug: str) -> None:
        async with await speaker.join(slug) as mouth, await listener.join(slug) as ear:
            while True:
                began = time.perf_counter()
                await mouth.send("chat.message", text="tick")
                await ear.next("chat.message")
                self.waits.append(time.perf_counter() - began)
                await asyncio.sleep(0.02)

    async def stop(self) -> float:
        """The 99th percentile, in seconds."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        assert len(self.waits) > 20
        return sorted(self.waits)[int(len(self.waits) * 0.99)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.alone
async def test_300_megabytes_take_no_memory_and_disturb_nobody(server: ServerProcess, api: Api) -> None:
    ann, ben, cid = [await api.guest(name) for name in ("Ann", "Ben", "Cid")]
    slug, other = [(await ann.create_room(title=title))["slug"] for title in ("Big", "Other")]
    assert (await send(ann, f"/api/recordings/{slug}/upload", webm(2_000_000))).status == 201  # everything is loaded
    clock = Clock(ben, cid, other)
    await asyncio.sleep(0.5)
    before, most = resident(server.pid), 0
    uploading = asyncio.create_task(post(ann, f"/api/recordings/{slug}/upload", big_form(SIZE), FORM))
    while not uploading.done():
        most = max(most, resident(server.pid))
        await asyncio.sleep(0.05)
    answer, slowest = await uploading, await clock.stop()
    assert answer.status == 201 and answer.body["size"] == len(WEBM) + SIZE
    expected = hashlib.sha256(WEBM)
    for _ in range(SIZE // len(BLOCK)):
        expected.update(BLOCK)
    assert answer.body["sha256"] == expected.hexdigest()
    assert most - before < 32 << 20, f"{(most - before) >> 20} MiB"
    assert slowest < 0.05


async def test_of_an_upload_that_a_kill_interrupts_nothing_is_left(server: ServerProcess, api: Api) -> None:
    ann = await api.guest("Ann")
    slug = (await ann.create_room(title="Killed"))["slug"]
    finished = (await send(ann, f"/api/recordings/{slug}/upload", webm())).body
    answer = await send(ann, f"/api/covers/{slug}/upload", picture())
    files = kept(server.data_dir)

    async def hanging() -> AsyncIterator[bytes]:
        yield part("file", webm(3_000_000))
        await asyncio.sleep(60)

    uploading = asyncio.create_task(post(ann, f"/api/recordings/{slug}/upload", hanging(), FORM))
    while sum((server.data_dir / name).stat().st_size for name in kept(server.data_dir, ["uploads"])) < 2_000_000:
        await asyncio.sleep(0.02)
    await server.kill()
    with pytest.raises(aiohttp.ClientError):
        await uploading
    assert len(kept(server.data_dir)) == len(files) + 1
    await server.start()
    assert kept(server.data_dir) == files
    assert [each["id"] for each in (await ann.get(f"/api/recordings/{slug}"))["items"]] == [finished["id"]]
    assert (await ann.get(f"/api/covers/{slug}"))["cover_url"] == answer.body["cover_url"]


async def test_what_a_crash_has_left_without_an_owner_goes_at_the_next_start(server: ServerProcess, api: Api) -> None:
    ann = await api.guest("Ann")
    slug = (await ann.create_room(title="Orphans"))["slug"]
    await send(ann, f"/api/recordings/{slug}/upload", webm())
    await send(ann, f"/api/covers/{slug}/upload", picture())
    await send(ann, f"/api/users/{ann.id}/avatar", picture())
    files, static = kept(server.data_dir), server.data_dir / "static"
    assert len(files) == 3
    await server.kill()
    (static / "records" / "gone").mkdir()
    strays = [static / "avatars" / f"{'a' * 32}.webp", static / "covers" / f"{'b' * 32}.webp",
              static / "records" / "gone" / f"{0:015d}-{'c' * 32}.webm",
              static / "records" / slug / f"{0:015d}-{'d' * 32}.webm", server.data_dir / "uploads" / "e.draft"]
    for stray in strays:
        stray.write_bytes(b"x")
    await server.start()
    async with asyncio.timeout(10):
        while kept(server.data_dir) != files:
            await asyncio.sleep(0.05)
    assert not (static / "records" / "gone").exists()


async def test_a_polite_end_waits_for_no_upload_and_leaves_nothing_of_it(server: ServerProcess, api: Api) -> None:
    ann = await api.guest("Ann")
    slug = (await ann.create_room(title="Ended"))["slug"]

    async def hanging() -> AsyncIterator[bytes]:
        yield part("file", webm(1_000_000))
        await asyncio.sleep(60)

    uploading = asyncio.create_task(post(ann, f"/api/recordings/{slug}/upload", hanging(), FORM))
    while not kept(server.data_dir):
        await asyncio.sleep(0.02)
    began = time.monotonic()
    assert await server.terminate() == 0 and time.monotonic() - began < 5
    with pytest.raises(aiohttp.ClientError):
        await uploading
    assert kept(server.data_dir) == []


async def test_of_a_body_that_breaks_off_the_log_has_nothing() -> None:
    class Torn:
        async def readany(self) -> bytes:
            raise TransferEncodingError("a line of somebody's file")

    request: Any = SimpleNamespace(headers={}, content=Torn(), app={HOUSE: SimpleNamespace(tally=Tally())})
    with pytest.raises(BrokenOff) as broken:
        _ = [piece async for piece in Body(request).pieces()]
    assert str(broken.value) == "TransferEncodingError"


async def test_a_body_that_nobody_wants_any_more_ends_however_fast_it_comes() -> None:
    class Torrent:
        async def readany(self) -> bytes:
            return bytes(PIECE)

    request: Any = SimpleNamespace(headers={}, content=Torrent(), app={HOUSE: SimpleNamespace(tally=Tally())})
    body, pieces = Body(request), 0
    with pytest.raises(BrokenOff):
        async for _ in body.pieces():
            body.stop()
            pieces += 1
            assert pieces == 1
