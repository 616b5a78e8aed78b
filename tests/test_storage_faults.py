"""A disk that fails at the n-th write, for every n; that fills up and is emptied; that takes its time; and damage.

SQLite is given a file system whose writes, syncs and truncations pass through here first, so the faults are met where
real ones would be: inside SQLite, in the middle of a commit or of a checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import random
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, cast
from pathlib import Path

import aiohttp
import pytest
from harness import until
from store_kit import EPOCH, Store, chat, deletion, event, opened, some

from axenix.__main__ import serve
from axenix.client import Api, Connection, Person
from axenix.client import Refused as ToldNo
from axenix.config import Config
from axenix.errors import CannotStart, Refused
from axenix.lines import Line, Writing
from axenix.room.state import Law, found, freeze
from axenix.rooms import Rooms
from axenix.store import writer

# ---- a file system with faults ---------------------------------------------------------------------------------------

OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)  # SQLite keeps the name where it lies
WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class Methods(Structure):
    """sqlite3_io_methods (sqlite.org/c3ref/io_methods.html)."""

    _fields_ = [("iVersion", c_int), ("xClose", c_void_p), ("xRead", c_void_p), ("xWrite", WRITE),
                ("xTruncate", TRUNCATE), ("xSync", SYNC)] + [(f"other{n}", c_void_p) for n in range(13)]


class Vfs(Structure):
    """The beginning of sqlite3_vfs (sqlite.org/c3ref/vfs.html)."""

    _fields_ = [("iVersion", c_int), ("szOsFile", c_int), ("mxPathname", c_int), ("pNext", c_void_p),
                ("zName", c_char_p), ("pAppData", c_void_p), ("xOpen", c_void_p)]


kept: list[object] = []
"""What SQLite may still call lives as long as the process."""


class Disk:
    """Counts what is written, synced and truncated, and fails when told to."""

    def __init__(self) -> None:
        self.count = 0
        self.fails: Callable[[str, int], int] = lambda what, n: 0
        """Of the kind of the operation and its number: SQLite's error code, or 0."""
        self.failed: list[str] = []
        self._methods: dict[int, Methods] = {}

    def meets(self, what: str) -> int:
        self.count += 1
        code = self.fails(what, self.count)
        if code:
            self.failed.append(what)
        return code

    def wrapped(self, methods: int) -> Methods:
        if methods not in self._methods:
            plain, faulty = Methods.from_address(methods), Methods.from_buffer_copy(Methods.from_address(methods))
            write, truncate, sync = plain.xWrite, plain.xTruncate, plain.xSync
            faulty.xWrite = WRITE(lambda *args: self.meets("write") or write(*args))
            faulty.xTruncate = TRUNCATE(lambda *args: self.meets("truncate") or truncate(*args))
            faulty.xSync = SYNC(lambda *args: self.meets("sync") or sync(*args))
            kept.extend([faulty, faulty.xWrite, faulty.xTruncate, faulty.xSync, write, truncate, sync])
            self._methods[methods] = faulty
        return self._methods[methods]

    def open(self, real: Callable[..., int], *args: int) -> int:
        code = real(*args)
        place = c_void_p.from_address(args[2])
        if code == sqlite3.SQLITE_OK and place.value:
            place.value = ctypes.addressof(self.wrapped(place.value))
        return code

    @contextlib.contextmanager
    def inserted(self) -> Iterator[Disk]:
        """Between SQLite and the files that it opens from here on."""
        find = sqlite_library().sqlite3_vfs_find
        find.restype, find.argtypes = POINTER(Vfs), [c_char_p]
        vfs = find(None).contents
        before = vfs.xOpen
        real = OPEN(before)
        mine = OPEN(lambda *args: self.open(real, *args))
        kept.extend([real, mine])
        vfs.xOpen = cast(mine, c_void_p)
        try:
            yield self
        finally:
            vfs.xOpen = before


def sqlite_library() -> ctypes.CDLL:
    """The very library that the module `sqlite3` uses."""
    import _sqlite3
    for name in (_sqlite3.__file__, "libsqlite3.so.0", "sqlite3.dll", "libsqlite3.dylib"):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            library.sqlite3_libversion.restype = c_char_p
            if library.sqlite3_libversion().decode() == sqlite3.sqlite_version:
                return library
    pytest.skip("this Python has SQLite built in, where nothing can be put between it and its files")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr(writer, "PROBE_SECONDS", 0.02)
    with Disk().inserted() as inserted:
        yield inserted


# ---- at the n-th write, for all n ------------------------------------------------------------------------------------


async def scenario(store: Store, told: list[int]) -> None:
    """Commits of one and of many, a text that is deleted for good, a checkpoint; what is refused is begun again."""
    room = 1
    while len(told) < 8:
        claim = await store.journal.claim(room)
        seq = claim.seq + 1
        lines: list[Line] = [chat(seq, "x" * 9000), event(seq + 1)] if len(told) % 2 else list(some(seq, seq).lines)
        if len(told) == 5:
            lines = [deletion(seq, 3)]
        try:
            await store.journal.append(room, claim.term, Writing(lines))
            told.append(lines[-1].seq)
        except Refused:
            if store.fatal:
                return
            await until(lambda: store.journal.refusal is None or store.fatal)


async def run(folder: Path, told: list[int]) -> list[tuple[str, int]]:
    async with opened(folder) as store:
        await scenario(store, told)
    return store.fatal


async def is_sound(folder: Path, told: list[int]) -> None:
    async with opened(folder) as store:
        claim = await store.journal.claim(1)
        lines = await store.journal.after(1, 0, limit=1000)
        assert [line.seq for line in lines] == list(range(1, claim.seq + 1)) and claim.seq >= max(told, default=0)
        assert await store.sql("PRAGMA integrity_check") == [("ok",)]
        await store.journal.append(1, claim.term, some(claim.seq + 1, claim.seq + 1))


async def every_n(folder: Path, disk: Disk, fails: Callable[[int], Callable[[str, int], int]],
                  expected: Callable[[list[tuple[str, int]]], bool], step: int = 1) -> int:
    """Runs the scenario with a fault at 1, 2, 3 … until it is over before the fault; answers with how many it took."""
    for n in range(1, 1000, step):
        place, told = folder / str(n), list[int]()
        async with opened(place) as store:
            await store.room()
        disk.count, disk.failed, disk.fails = 0, [], fails(n)
        fatal: list[tuple[str, int]] = []
        with contextlib.suppress(CannotStart):
            fatal = await run(place, told)
        disk.fails = lambda what, n: 0
        assert expected(fatal), f"at {n} ({disk.failed}): {fatal}"
        await is_sound(place, told)
        if not disk.failed:
            assert len(told) == 8
            return n - 1
    raise AssertionError("it never ends")


@pytest.mark.parametrize("once", [True, False], ids=["once", "and from then on"])
async def test_a_write_that_fails_ends_the_process_and_loses_nothing_whichever_it_is(
    once: bool, tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    codes = {"write": 778, "sync": 1034, "truncate": 1546}  # SQLITE_IOERR_WRITE, _FSYNC and _TRUNCATE
    count = await every_n(
        tmp_path, disk, lambda n: lambda what, now: codes[what] if (now == n if once else now >= n) else 0,
        lambda fatal: [code for _, code in fatal] in ([], [1]), step=1 if once else 4)
    assert count >= 25


async def test_a_disk_that_fills_up_at_any_write_and_is_emptied_needs_no_restart(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    def full_for_a_while(n: int) -> Callable[[str, int], int]:
        return lambda what, now: sqlite3.SQLITE_FULL if what == "write" and n <= now < n + 3 else 0

    assert await every_n(tmp_path, disk, full_for_a_while, lambda fatal: fatal == [], step=2) >= 20


# ---- the whole server ------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port: int = plug.getsockname()[1]
        return port


class Tea:
    """A server in this process, with Ann and Ben in a room of it."""

    serving: asyncio.Task[int]
    ann: Person
    one: Connection
    two: Connection

    async def begin(self, folder: Path, session: aiohttp.ClientSession) -> None:
        port = free_port()
        self.serving = asyncio.create_task(serve(Config.load(
            ["--data-dir", str(folder), "--port", str(port), "--chat-rate", "0"], {})))
        api = Api(f"http://127.0.0.1:{port}", session)
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    await api.get("/livez")
                    break
                await asyncio.sleep(0.01)
        self.ann, ben = await api.guest("Ann"), await api.guest("Ben")
        self.slug = (await self.ann.create_room(title="Tea"))["slug"]
        self.one, self.two = await self.ann.join(self.slug), await ben.join(self.slug)
        await self.one.chat("before")

    async def signals_go_on(self) -> None:
        began = time.monotonic()
        await self.one.ice(to=self.two.person.id, candidate=None)
        await self.two.next("ice")
        assert time.monotonic() - began < 5

    async def reads_go_on(self) -> None:
        began = time.monotonic()
        snapshot = await self.ann.get(f"/api/state/{self.slug}")
        assert [one["nickname"] for one in snapshot["participants"]] == ["Ann", "Ben"]
        history = await self.ann.get(f"/api/sync/{self.slug}")
        assert [item["seq"] for item in history["items"]] == list(range(1, snapshot["seq"] + 1))
        assert time.monotonic() - began < 5

    async def come_back(self) -> None:
        """Everyone has been told to start over: nobody has seen what could not be kept."""
        for each in (self.one, self.two):
            await until(lambda: each.close_code is not None)
            assert each.close_code == 4010
            await each.resume()
            assert each.joined["resumed"]


@pytest.fixture
async def tea(tmp_path: Path, disk: Disk, session: aiohttp.ClientSession) -> AsyncIterator[Tea]:
    tea = Tea()
    await tea.begin(tmp_path / "data", session)
    yield tea
    disk.fails = lambda what, n: 0
    if not tea.serving.done():
        await tea.one.close(), await tea.two.close()
        tea.serving.cancel()
        await asyncio.wait({tea.serving})


async def reason_for(asking: AsyncIterator[object] | object) -> str:
    with pytest.raises(ToldNo) as caught:
        await asking  # type: ignore[misc]
    return caught.value.reason


async def test_a_full_disk_is_said_so_reads_and_signals_go_on_and_afterwards_all_is_as_before(
    tea: Tea, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.fails = lambda what, n: sqlite3.SQLITE_FULL if what == "write" else 0
    await tea.one.send("chat.message", text="cannot be kept", cid="m")
    await tea.come_back()
    assert await reason_for(tea.one.chat("nor this")) == "storage_full"
    assert await reason_for(tea.ann.post(f"/api/chat/{tea.slug}", text="nor this")) == "storage_full"
    assert await reason_for(tea.ann.get("/readyz")) == "storage_full"
    await tea.reads_go_on()
    await tea.signals_go_on()
    disk.fails = lambda what, n: 0
    async with asyncio.timeout(5):
        while await is_refused(tea):
            await asyncio.sleep(0.02)
    seq = await tea.one.chat("cannot be kept", cid="m")
    assert (await tea.two.next("chat.message", seq=seq))["text"] == "cannot be kept"
    await tea.reads_go_on()
    assert not tea.serving.done()


async def is_refused(tea: Tea) -> bool:
    try:
        await tea.ann.get("/readyz")
    except ToldNo:
        return True
    return False


async def test_while_a_sync_takes_its_time_signals_and_reads_elsewhere_go_on_and_nobody_sees_the_line(
    tea: Tea, disk: Disk
) -> None:
    """Reads of the room itself wait for what they would show: they show only what is durable."""
    elsewhere = (await tea.ann.create_room(title="Elsewhere"))["slug"]

    go_on = threading.Event()
    disk.fails = lambda what, n: 0 if what != "sync" or go_on.wait(20) else 0
    said = asyncio.create_task(tea.one.chat("at last"))
    await asyncio.sleep(0.1)
    await tea.signals_go_on()
    assert (await tea.ann.get(f"/api/state/{elsewhere}"))["seq"] == 0
    assert not said.done() and tea.two.last_seq < 4
    go_on.set()
    assert (await tea.two.next("chat.message", text="at last"))["seq"] == await said


@pytest.mark.parametrize("what, code, exit_code", [
    ("write", 778, 1), ("sync", 1034, 1), ("write", sqlite3.SQLITE_CORRUPT, 3)])
async def test_after_a_failed_write_or_damage_the_server_ends_with_the_code_that_says_so(
    what: str, code: int, exit_code: int, tea: Tea, disk: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk.fails = lambda each, n: code if each == what else 0
    await tea.one.send("chat.message", text="cannot be kept")
    async with asyncio.timeout(10):
        assert await tea.serving == exit_code
    complaint = [line for line in capsys.readouterr().err.splitlines() if line.startswith("axenix: ")]
    assert len(complaint) == 1 and "Traceback" not in complaint[0]
    disk.fails = lambda each, n: 0
    async with opened(tmp_path / "data") as store:
        kept = [line.seq for line in await store.journal.after(1, 0, limit=10)]
        assert kept[:3] == [1, 2, 3]
        assert len(kept) == 3 or what == "sync", "only after a failed sync nobody can know"


# ---- damage ----------------------------------------------------------------------------------------------------------


async def a_database(folder: Path) -> bytes:
    async with opened(folder) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 300, "hello " * 20))
    return (folder / "axenix.db").read_bytes()


async def used(folder: Path) -> int | None:
    """Opens, reads and writes everything; answers with the exit code, if it comes to that. Raises nothing else."""
    try:
        async with opened(folder) as store:
            with contextlib.suppress(Refused):
                claim = await store.journal.claim(1)
                await store.journal.after(1, 0, limit=1000)
                await store.journal.append(1, claim.term, some(claim.seq + 1, claim.seq + 30))
        return store.fatal[0][1] if store.fatal else None
    except CannotStart as refused:
        return refused.exit_code


@pytest.mark.parametrize("place", ["in its head", "somewhere in it"])
async def test_a_flipped_byte_in_any_page_is_found_or_does_no_harm(
    place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, chance = await a_database(tmp_path / "whole"), random.Random(place)
    found, pages = 0, len(whole) // 4096
    for page in range(pages):
        at = page * 4096 + (chance.randrange(8) if place == "in its head" else chance.randrange(4096))
        folder = tmp_path / str(page)
        folder.mkdir()
        (folder / "axenix.db").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1:])
        code = await used(folder)
        assert code in (None, 3), f"page {page}, byte {at}: exit code {code}"
        found += code == 3
    assert pages > 20
    if place == "in its head":
        assert found >= pages * 0.6, f"only {found} of {pages} were found"


async def test_a_room_that_cannot_be_read_keeps_no_other_asleep(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.room("broken", frozen=b"{}")
        await store.room("whole", frozen=freeze(found("whole", "Whole", (1, "Owner", None), EPOCH)))
        await store.in_writer(lambda db: db.execute("UPDATE rooms SET awake = 1").rowcount)
        rooms = Rooms(store.journal, store.catalogue, Law(), retention=0)
        await rooms.wake_the_inhabited()
        assert [actor.slug for actor in rooms.awake()] == ["whole"]
