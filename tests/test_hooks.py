"""Webhooks: a real receiver that is down, slow, hangs, or says no; a server that is killed; and nothing gets lost.

The receiver checks the signature with a few lines of its own, and keeps what it took.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from harness import RATES_OFF, ROOT, ServerProcess, until
from living import Party
from store_kit import NOW, Store, opened, some, stalled

from axenix.client import Api
from axenix.commands import dead_letters as dead_letters_command
from axenix.lines import Writing, write_line
from axenix.room.events import ChatDeleted, Entry
from axenix.store.outbox import Outbox, Parcel, ask_for_replay
from axenix.store.outbox import dead_letters as dead_letters_of
from axenix.web import hooks
from axenix.web.hooks import Hooks

SECRET = b"what the webhook and its receiver know, and nobody else in the whole world"
Event = dict[str, Any]
Answer = int | float
"""A status, or seconds for which there is none."""


class Receiver:
    """Answers with what is in `answers`, and 204 from then on."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.heard: list[tuple[str, str, list[int]]] = []
        """Every try: room, name of the delivery, the events' numbers."""
        self.taken: dict[str, list[Event]] = {}
        """By room, what was answered with 204."""
        self.bodies = b""
        self.under_way: dict[str, int] = {}
        self.most_under_way = 0
        self.delay = 0.0
        self.port = 0
        self.complaints: list[str] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def open(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        app.router.add_post("/elsewhere", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies += body
        told = json.loads(body)
        if told.keys() != {"room", "epoch", "events"} or request.content_type != "application/json":
            self.complaints.append("another shape")
        if request.path != "/hook":
            self.complaints.append("went where it was redirected")
        if not is_signed(request.headers["Axenix-Signature"], body):
            self.complaints.append("a wrong signature")
        room = told["room"]
        self.heard.append((room, request.headers["Axenix-Delivery"], [each["seq"] for each in told["events"]]))
        self.under_way[room] = self.under_way.get(room, 0) + 1
        if self.under_way[room] > 1:
            self.complaints.append("two requests of one room at once")
        self.most_under_way = max(self.most_under_way, sum(self.under_way.values()))
        try:
            return await self._answer(room, told["events"])
        finally:
            self.under_way[room] -= 1

    async def _answer(self, room: str, events: list[Event]) -> web.Response:
        await asyncio.sleep(self.delay)
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = 500
        if answer == 204:
            self.taken.setdefault(room, []).extend(events)
        return web.Response(status=answer, headers={"Location": "/elsewhere"} if answer == 307 else {})

    def seqs(self, room: str = "room") -> list[int]:
        return [each["seq"] for each in self.taken.get(room, [])]


def is_signed(given: str, body: bytes) -> bool:
    found = re.fullmatch("t=([0-9]+),v1=([0-9a-f]{64})", given)
    if found is None or abs(int(found[1]) - time.time()) > 5:
        return False
    return hmac.digest(SECRET, found[1].encode() + b"." + body, "sha256").hex() == found[2]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.open()
    yield receiver
    await receiver.close()
    assert not receiver.complaints


@asynccontextmanager
async def hooked(store: Store, receiver: Receiver, patience: float = 60.0) -> AsyncIterator[Hooks]:
    outbox = Outbox(store.database, store.folder)
    await outbox.begin()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=hooks.SECONDS)) as session:
        made = Hooks(outbox, session, receiver.url, SECRET, patience)
        store.journal.on_durable = made.wake
        try:
            yield made
        finally:
            store.journal.on_durable = None
            await made.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here depends on how long is waited, but for the order of lengths."""
    for name, seconds in [("FIRST_WAIT", 0.05), ("LONGEST_WAIT", 0.2), ("PERSIST_SECONDS", 0.05),
                          ("LOOK_SECONDS", 0.05), ("SECONDS", 0.5)]:
        monkeypatch.setattr(hooks, name, seconds)


# ---- what is told, and in which order --------------------------------------------------------------------------------


async def test_everything_is_told_once_and_in_order_from_the_first_use_on(tmp_path: Path, receiver: Receiver) -> None:
    async with opened(tmp_path) as store:
        old, claim = await store.claimed("old")
        await store.journal.append(old, claim.term, some(1, 5))
        async with hooked(store, receiver):
            for first in range(6, 300, 7):
                store.journal.append(old, claim.term, some(first, first + 6))
            new, second = await store.claimed("new")
            await store.journal.append(new, second.term, some(1, 900))
            await until(lambda: len(receiver.seqs("old")) >= 294 and len(receiver.seqs("new")) >= 900)
    assert receiver.seqs("old") == list(range(6, 300)) and receiver.seqs("new") == list(range(1, 901))


async def test_it_goes_on_where_it_was_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        async with hooked(store, receiver):
            await store.journal.append(room, claim.term, some(1, 3))
            await until(lambda: receiver.seqs() == [1, 2, 3])
        await store.journal.append(room, claim.term, some(4, 6))  # while nobody tells
    async with opened(tmp_path) as store, hooked(store, receiver):
        await until(lambda: len(receiver.seqs()) >= 6)
        await asyncio.sleep(0.2)
    assert receiver.seqs() == [1, 2, 3, 4, 5, 6]


async def test_rooms_are_told_side_by_side_but_not_all_at_once(tmp_path: Path, receiver: Receiver) -> None:
    receiver.delay = 0.05
    async with opened(tmp_path) as store, hooked(store, receiver):
        for number in range(30):
            room, claim = await store.claimed(f"room-{number}")
            for seq in range(1, 6):
                store.journal.append(room, claim.term, some(seq, seq))
        await until(lambda: sum(map(len, receiver.taken.values())) >= 150)
    assert all(receiver.seqs(f"room-{number}") == [1, 2, 3, 4, 5] for number in range(30))
    assert 1 < receiver.most_under_way <= hooks.AT_ONCE


async def test_a_deleted_text_that_was_not_told_yet_is_never_told(tmp_path: Path, receiver: Receiver) -> None:
    await receiver.close()
    async with opened(tmp_path) as store, hooked(store, receiver):
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 5, "a text that nobody may hear of"))
        await until_failing(store)
        deleted = ChatDeleted(id=4, by_user=1)
        deleted.stamp(6, NOW)
        await store.journal.append(room, claim.term, Writing([write_line(Entry(deleted))]))
        await receiver.open()
        await until(lambda: receiver.seqs() == [1, 2, 3, 4, 5, 6])
    told = receiver.taken["room"]
    assert told[0]["text"] == "a text that nobody may hear of"
    assert told[3]["deleted"] is True and "text" not in told[3]


async def test_what_retention_has_deleted_is_a_gap_that_shows(tmp_path: Path, receiver: Receiver) -> None:
    await receiver.close()
    async with opened(tmp_path) as store, hooked(store, receiver):
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 9))
        await until_failing(store)
        await store.in_writer(lambda db: db.execute("DELETE FROM events WHERE seq < 7"))
        await store.in_writer(lambda db: db.execute("UPDATE chat SET room = NULL WHERE seq < 7"))
        await receiver.open()
        await until(lambda: receiver.seqs() == [7, 8, 9])


async def until_failing(store: Store) -> None:
    async with asyncio.timeout(10):
        while not await store.sql("SELECT 1 FROM hooks WHERE failing_since IS NOT NULL"):
            await asyncio.sleep(0.01)


async def test_a_room_that_is_deleted_is_told_no_more(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [500] * 1000
    async with opened(tmp_path) as store, hooked(store, receiver):
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 3))
        await until_failing(store)
        await store.catalogue.erase(room)
        await asyncio.sleep(0.4)
        before = len(receiver.heard)
        await asyncio.sleep(0.4)
        assert len(receiver.heard) == before
        assert not await store.sql("SELECT * FROM hooks")


async def test_a_mark_that_comes_late_does_not_change_what_is_tried_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        outbox = Outbox(store.database, tmp_path)
        await outbox.begin()
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 5))
        parcel = await outbox.next(room, 2)
        assert parcel is not None and (parcel.first, parcel.last) == (3, 5)
        await outbox.failing(parcel, 7.0)
        await outbox.delivered({room: 2})
        await store.journal.append(room, claim.term, some(6, 9))
        assert await outbox.next(room, 0) == parcel._replace(failing_since=7.0)
        await outbox.delivered({room: 5})
        following = await outbox.next(room, 0)
        assert following is not None and (following.first, following.last, following.failing_since) == (6, 9, None)


async def test_letters_that_are_asked_for_one_after_the_other_are_all_sent_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        outbox, room = Outbox(store.database, tmp_path), await store.room()
        for seq in range(1, 5):
            await outbox.died(Parcel(room, "room", "", seq, seq, []), "a no", NOW)
        letters = dead_letters_of(tmp_path)
        ask_for_replay(tmp_path, letters[:1])
        ask_for_replay(tmp_path, letters[1:2])
        with stalled(store) as go_on:
            taking = asyncio.create_task(outbox.take_requests())
            await asyncio.sleep(0.05)
            ask_for_replay(tmp_path, letters[2:3])
            go_on()
            assert await taking == [room, room]
        assert await outbox.take_requests() == [room] and await outbox.take_requests() == []
        assert await store.sql("SELECT id FROM dead_letters WHERE replay") == [(each.id,) for each in letters[:3]]


async def test_a_damaged_wish_is_named_to_whoever_looks_at_it(tmp_path: Path, capsys: Any) -> None:
    async with opened(tmp_path) as store:
        outbox, room = Outbox(store.database, tmp_path), await store.room()
        await outbox.died(Parcel(room, "room", "", 1, 1, []), "a no", NOW)
        (tmp_path / "replay").write_bytes(b"1 \xff")
        assert dead_letters_command.main(["--replay", "--data-dir", str(tmp_path)], {}) == 1
        assert f"{tmp_path / 'replay'} is damaged; delete it" in capsys.readouterr().err
        with pytest.raises(ValueError, match="is damaged; delete it"):
            await outbox.take_requests()


async def test_what_happens_just_as_a_room_s_task_ends_is_told(tmp_path: Path, receiver: Receiver) -> None:
    class Late(Outbox):
        """Wakes the room after its task has looked for the last time, and before anybody knows that it has ended."""

        looks = 0

        async def next(self, room: int, after: int) -> Any:
            self.looks += 1
            if self.looks == 1:
                asyncio.get_running_loop().call_soon(made.wake, [room])
            return None

    async with opened(tmp_path) as store, aiohttp.ClientSession() as session:
        room = await store.room()
        outbox = Late(store.database, tmp_path)
        made = Hooks(outbox, session, receiver.url, SECRET, 60.0)
        made.wake([room])
        await until(lambda: outbox.looks == 2)
        await made.close()


# ---- a receiver that does not take it --------------------------------------------------------------------------------


async def test_why_it_was_not_taken_names_no_key_of_the_address(tmp_path: Path, receiver: Receiver) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is no HTTP\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with opened(tmp_path) as store, hooked(store, receiver) as made, server:
        for place in (port, 1, 99999):
            made._url = f"http://127.0.0.1:{place}/hook?key=hidden"
            with pytest.raises(hooks.Failed) as failed:
                await made._post(Parcel(1, "room", "", 1, 1, [b"{}"]))
            assert "hidden" not in str(failed.value) and ": " in str(failed.value)


@pytest.mark.parametrize("answers", [[500], [503, 500, 502], [408, 409, 425, 429], [307], [30.0], [100.0, 500]],
                         ids=str)
async def test_what_passes_is_tried_again_under_the_same_name(
    tmp_path: Path, receiver: Receiver, answers: list[Answer]
) -> None:
    tries = len(answers) + 1
    receiver.answers = list(answers)
    async with opened(tmp_path) as store, hooked(store, receiver):
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 2))
        await until(lambda: len(receiver.heard) >= 1)
        await store.journal.append(room, claim.term, some(3, 4))
        await until(lambda: receiver.seqs() == [1, 2, 3, 4])
        assert await store.sql("SELECT * FROM dead_letters") == []
    assert len({name for _, name, _ in receiver.heard[:tries]}) == 1 and len(receiver.heard) == tries + 1
    assert all(seqs == [1, 2] for _, _, seqs in receiver.heard[:tries])


@pytest.mark.parametrize("status", [400, 401, 404, 410, 413, 422])
async def test_a_no_is_a_dead_letter_at_once_and_the_room_goes_on(
    tmp_path: Path, receiver: Receiver, status: int
) -> None:
    receiver.answers = [status]
    async with opened(tmp_path) as store, hooked(store, receiver):
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 2))
        await until(lambda: len(receiver.heard) == 1)
        await store.journal.append(room, claim.term, some(3, 4))
        await until(lambda: receiver.seqs() == [3, 4])
        assert await store.sql("SELECT first, last, why FROM dead_letters") == [
            (1, 2, f"answered with status {status}")]
    async with opened(tmp_path) as store, hooked(store, receiver):
        await asyncio.sleep(0.2)
    assert receiver.seqs() == [3, 4] and len(receiver.heard) == 2


async def test_patience_has_an_end_also_when_it_began_before_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [500] * 1000
    async with opened(tmp_path) as store:
        async with hooked(store, receiver):
            room, claim = await store.claimed()
            await store.journal.append(room, claim.term, some(1, 2))
            await until_failing(store)
            await store.in_writer(lambda db: db.execute("UPDATE hooks SET failing_since = failing_since - 50"))
        async with hooked(store, receiver, patience=55):
            await asyncio.sleep(0.3)
            assert not await store.sql("SELECT * FROM dead_letters")
        async with hooked(store, receiver, patience=45):
            async with asyncio.timeout(10):
                while not await store.sql("SELECT * FROM dead_letters"):
                    await asyncio.sleep(0.01)


def test_the_waits_grow_to_a_limit_and_are_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "FIRST_WAIT", 1.0)
    monkeypatch.setattr(hooks, "LONGEST_WAIT", 300.0)
    for tries, longest in [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (10_000, 300)]:
        waits = {hooks.wait_before(tries) for _ in range(50)}
        assert len(waits) > 40 and all(longest / 2 <= wait <= longest for wait in waits)


# ---- real servers ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(folder: Path, receiver: Receiver, **more: str) -> AsyncIterator[tuple[ServerProcess, Party]]:
    settings = RATES_OFF | {"AXENIX_WEBHOOK_URL": receiver.url, "AXENIX_WEBHOOK_SECRET": SECRET.decode()} | more
    async with ServerProcess(folder / "data", **settings) as server, AsyncExitStack() as cleaning:
        session = await cleaning.enter_async_context(aiohttp.ClientSession())
        yield server, await Party(Api(server.url, session), cleaning).begin()


async def test_a_server_that_is_killed_again_and_again_loses_nothing(tmp_path: Path, receiver: Receiver) -> None:
    async with serving(tmp_path, receiver) as (server, party):
        for number in range(4):
            for each in range(10):
                await party.olga.post(f"/api/chat/{party.slug}", text=f"{number}.{each}")
            await server.kill()
            await server.start()
            await party.enter(party.olga)
        last = (await party.olga.post(f"/api/chat/{party.slug}", text="the last"))["seq"]
        await until(lambda: last in receiver.seqs(party.slug), 20)
        truth = (await party.olga.get(f"/api/sync/{party.slug}", after_seq=0, limit=1000))["items"]
        told: dict[int, Event] = {}
        for event in receiver.taken[party.slug]:
            assert event["seq"] <= len(told) + 1, "a hole"
            assert told.setdefault(event["seq"], event) == event
        assert [told[seq] for seq in range(1, last + 1)] == [each for each in truth if each["seq"] <= last]


def dead_letters(server: ServerProcess, *more: str) -> list[str]:
    command = [sys.executable, "-m", "axenix", "dead-letters", "--data-dir", str(server.data_dir), *more]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    return told.stdout.splitlines()


async def test_dead_letters_are_listed_and_replayed_beside_a_running_server(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answers = [410] * 1000
    async with serving(tmp_path, receiver) as (server, party):
        assert await asyncio.to_thread(dead_letters, server) is not None
        said = await party.olga.post(f"/api/chat/{party.slug}", text="said, given up, and then deleted")
        await party.olga.post(f"/api/chat/{party.slug}", text="said and given up")
        await until(lambda: sum(len(seqs) for _, _, seqs in receiver.heard) > said["seq"])
        listed = await asyncio.to_thread(dead_letters, server)
        async with asyncio.timeout(20):
            while not listed or f"{said['seq'] + 1}, given up" not in listed[-1]:
                listed = await asyncio.to_thread(dead_letters, server)
        assert f"{party.slug} {truth_of(receiver)} events " in listed[0] and "status 410" in listed[0]
        await party.olga.call("DELETE", f"/api/chat/{party.slug}/{said['id']}")
        await until(lambda: any(said["seq"] + 2 in seqs for _, _, seqs in receiver.heard))
        receiver.answers, receiver.bodies = [], b""
        await asyncio.sleep(0.2)
        await asyncio.to_thread(dead_letters, server, "--replay")
        await until(lambda: sorted(receiver.seqs(party.slug)) == list(range(1, said["seq"] + 3)))
        assert b"said and given up" in receiver.bodies and b"and then deleted" not in receiver.bodies
        for _ in range(100):
            if not (listed := await asyncio.to_thread(dead_letters, server)):
                break
        assert not listed


def truth_of(receiver: Receiver) -> str:
    """The epoch, as the deliveries are named by it."""
    return receiver.heard[0][1].split("-")[0]


async def test_the_receiver_of_the_document_works(tmp_path: Path) -> None:
    text = (ROOT / "axenix" / "PROTOCOL.md").read_text(encoding="utf-8")
    example = re.search(r"^```python\n(import hashlib.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert example
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"PORT": str(port), "AXENIX_WEBHOOK_SECRET": SECRET.decode()}
    process = subprocess.Popen([sys.executable, "-c", example[1]], env=environment, stdout=subprocess.PIPE, text=True)
    receiver = Receiver()
    receiver.port = port
    try:
        async with serving(tmp_path, receiver) as (_, party):
            assert process.stdout is not None
            heard = ""
            async with asyncio.timeout(20):
                while "member.joined" not in heard:
                    heard = await asyncio.to_thread(process.stdout.readline)
            assert re.fullmatch(f"{party.slug} [0-9]+ member.joined\n", heard)
            forged = b'{"room": "x", "epoch": "y", "events": []}'
            stamp = str(int(time.time()))
            wrong = hmac.new(b"another secret", stamp.encode() + b"." + forged, hashlib.sha256).hexdigest()
            async with aiohttp.ClientSession() as session:
                answer = await session.post(receiver.url, data=forged,
                                            headers={"Axenix-Signature": f"t={stamp},v1={wrong}"})
                assert answer.status == 403
    finally:
        process.kill()
        process.communicate()
