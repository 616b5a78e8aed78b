"""The journal: what rooms append is durable, in order and without holes, or refused; and what is deleted is gone."""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from harness import until
from store_kit import Store, chat, commits_in_log, deed, deletion, event, full, opened, some, stalled

from axenix.errors import Fenced, Refused
from axenix.lines import Card, Checkpoint, Kind, Line, Writing
from axenix.store import sweep, wal, writer
from axenix.store import journal as journal_module
from axenix.store.writer import Job


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PROBE_SECONDS", 0.02)


@pytest.fixture
def lasting_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log keeps all commits, to be counted."""
    monkeypatch.setattr(wal, "MOMENT", 60.0)
    monkeypatch.setattr(wal, "MUCH", 1_000_000)


async def everything(store: Store, room: int) -> list[Line]:
    return await store.journal.after(room, 0, limit=1_000_000)


def fail(code: int) -> None:
    error = sqlite3.OperationalError("as the test wishes")
    error.sqlite_errorcode = code
    raise error


class Failing(Job):
    """Takes the group it is in down with it."""

    def write(self, db: sqlite3.Connection) -> None:
        fail(sqlite3.SQLITE_NOMEM)

    def settle(self, refusal: str | None) -> None:
        assert refusal == "storage_unavailable"


# ---- written and read again -----------------------------------------------------------------------------------------


async def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    lines = [event(1), chat(2, "Привет, \"мир\" 😀\n"), deed(3), Line(4, Kind.CHAT, b"{}", b'{"cid":"a"}')]
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, Writing(lines[:3]))
        await store.journal.append(room, claim.term, Writing(lines[3:]))
        assert await everything(store, room) == lines
    async with opened(tmp_path) as store:
        assert await everything(store, room) == lines


async def test_history_is_read_in_pages(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        other, others = await store.claimed("other")
        store.journal.append(other, others.term, some(1, 20))
        await store.journal.append(room, claim.term, some(1, 20))
        assert [line.seq for line in await store.journal.after(room, 5, limit=4)] == [6, 7, 8, 9]
        assert [line.seq for line in await store.journal.after(room, 5, limit=9, upto=8)] == [6, 7, 8]
        assert await store.journal.after(room, 20, limit=5) == []
        assert await store.journal.line(room, 7) == some(7, 7).lines[0]
        assert await store.journal.line(room, 21) is None and await store.journal.line(room, 0) is None


async def test_the_last_messages_come_newest_last_and_moderation_newest_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 30))
        chatted = [seq for seq in range(1, 31) if seq % 3 == 1]
        done = [seq for seq in range(1, 31) if seq % 3 == 2]
        assert [line.seq for line in await store.journal.chat(room, None, 3)] == chatted[-3:]
        assert [line.seq for line in await store.journal.chat(room, 16, 3)] == [7, 10, 13]
        assert [line.seq for line in await store.journal.chat(room, 1, 3)] == []
        assert [line.seq for line in await store.journal.moderation(room, None, 3)] == done[:-4:-1]
        assert [line.seq for line in await store.journal.moderation(room, 8, 3)] == [5, 2]
        assert {line.kind for line in await store.journal.chat(room, None, 30)} == {Kind.CHAT}
        assert {line.kind for line in await store.journal.moderation(room, None, 30)} == {Kind.MODERATION}


async def test_it_is_durable_before_it_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        witness = sqlite3.connect(f"file:{tmp_path}/axenix.db?mode=ro", uri=True)
        for seq in range(1, 20):
            seen: list[int] = []
            done = store.journal.append(room, claim.term, Writing([chat(seq)]))
            done.add_done_callback(
                lambda _: seen.extend(witness.execute("SELECT max(seq) FROM chat").fetchone()))
            await done
            await until(lambda: seen)
            assert seen == [seq]
        witness.close()


async def test_a_room_is_opened_from_its_last_checkpoint(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room = await store.room(frozen=b"before its first event")
        claim = await store.journal.claim(room)
        assert claim[1:] == (0, 1, b"before its first event", 0)
        store.journal.append(room, claim.term, replace(some(1, 3), checkpoint=Checkpoint(3, b"after three", 1)))
        store.journal.append(room, claim.term, replace(some(4, 6), checkpoint=Checkpoint(6, b"after six", 1)))
        await store.journal.append(room, claim.term, some(7, 8))
    async with opened(tmp_path) as store:
        assert (await store.journal.claim(room))[1:] == (8, 1, b"after six", 6)
        assert await store.sql("SELECT count(*) FROM snapshots") == [(1,)]


async def test_a_room_that_is_not_there_cannot_be_claimed(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        with pytest.raises(Refused, match="room_not_found"):
            await store.journal.claim(1)
        with pytest.raises(Fenced):
            await store.journal.append(1, 1, some(1, 1))


async def test_the_card_goes_with_the_lines_that_change_it(tmp_path: Path) -> None:
    card = Card("New title", "topic", True, True, True, "/static/covers/x", "a-key-of-at-least-16")
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, replace(some(1, 1), card=card))
        listed = await store.catalogue.find("room")
        assert listed is not None
        assert all(getattr(listed, name) == getattr(card, name) for name in Card.__struct_fields__)
        by_invite = await store.catalogue.by_invite("a-key-of-at-least-16")
        assert by_invite == listed


async def test_a_room_is_awake_from_its_first_line_to_its_rest(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.room("quiet")
        assert await store.catalogue.awake() == []
        for first in (1, 4):  # after resting, the same actor may go on
            await store.journal.append(room, claim.term, some(first, first + 1))
            assert await store.catalogue.awake() == [(room, "room")]
            await store.journal.append(
                room, claim.term, Writing([event(first + 2)], None, Checkpoint(first + 2, b"{}", 1)))
            assert await store.catalogue.awake() == [(room, "room")]
            resting = Writing([], None, Checkpoint(first + 2, b"{}", 1, resting=True))
            await store.journal.append(room, claim.term, resting)
            assert await store.catalogue.awake() == []


# ---- one commit for all ---------------------------------------------------------------------------------------------


async def test_all_rooms_that_wait_share_one_commit(tmp_path: Path, lasting_log: None) -> None:
    async with opened(tmp_path) as store:
        rooms = [await store.claimed(f"room-{n}") for n in range(50)]
        await asyncio.gather(*(store.journal.append(room, claim.term, some(1, 1)) for room, claim in rooms))
        with stalled(store) as go_on:
            await asyncio.sleep(0.01)
            appended = [
                store.journal.append(room, claim.term, some(seq, seq)) for seq in (2, 3) for room, claim in rooms]
            before = commits_in_log(tmp_path)
            go_on()
            await asyncio.gather(*appended)
        assert commits_in_log(tmp_path) == before + 1


async def test_what_comes_one_by_one_without_a_break_shares_one_commit_too(tmp_path: Path, lasting_log: None) -> None:
    async with opened(tmp_path) as store:
        rooms = [await store.claimed(f"room-{n}") for n in range(20)]
        before, appended = commits_in_log(tmp_path), []
        for room, claim in rooms:
            appended.append(store.journal.append(room, claim.term, some(1, 1)))
            await asyncio.sleep(0)
        await asyncio.gather(*appended)
        assert commits_in_log(tmp_path) == before + 1


async def test_a_stream_that_never_breaks_holds_no_commit_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        first, until, seq = store.journal.append(room, claim.term, some(1, 1)), time.monotonic() + 5, 1
        while not first.done() and time.monotonic() < until:
            seq += 1
            store.journal.append(room, claim.term, some(seq, seq))
            await asyncio.sleep(0)
        assert first.done()


async def test_one_who_stumbles_over_a_commit_does_not_keep_the_others_from_hearing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    def stumble(failure: Exception | None) -> None:
        raise RuntimeError("on purpose")

    async with opened(tmp_path) as store:
        (one, its), (other, others) = await store.claimed("one"), await store.claimed("other")
        store.journal.write(one, its.term, some(1, 1), stumble)
        await store.journal.append(other, others.term, some(1, 1))
        await store.journal.append(one, its.term, some(2, 2))
    assert "on purpose" in caplog.text


async def test_lines_alone_are_one_statement(tmp_path: Path) -> None:
    statements: list[str] = []
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 1))
        await store.in_writer(lambda db: db.set_trace_callback(statements.append))
        await store.journal.append(room, claim.term, some(2, 200))
        await store.in_writer(lambda db: db.set_trace_callback(None))
        [only] = set(statements)  # the trigger's own statements are traced under the same text
        assert only.startswith("INSERT INTO lines")


async def test_more_lines_than_fit_into_one_statement_are_still_one_commit(tmp_path: Path, lasting_log: None) -> None:
    many = journal_module.ROWS * 3 + 17
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 1))
        before = commits_in_log(tmp_path)
        await store.journal.append(room, claim.term, some(2, many))
        assert commits_in_log(tmp_path) == before + 1
        assert await everything(store, room) == some(1, many).lines


async def test_commits_come_in_the_order_of_the_calls(tmp_path: Path) -> None:
    order: list[tuple[int, int]] = []
    async with opened(tmp_path) as store:
        rooms = [await store.claimed(f"room-{n}") for n in range(5)]

        async def append(n: int, seq: int) -> None:
            await store.journal.append(rooms[n][0], rooms[n][1].term, some(seq, seq))
            order.append((seq, n))

        tasks = []
        for seq in range(1, 40):
            tasks += [asyncio.create_task(append(n, seq)) for n in range(5)]
            await asyncio.sleep(random.Random(seq).choice([0, 0, 0.001]))
        await asyncio.gather(*tasks)
        assert order == sorted(order)
        for room, _ in rooms:
            assert await everything(store, room) == some(1, 39).lines


# ---- claims ---------------------------------------------------------------------------------------------------------


async def test_a_new_claim_fences_the_old_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, old = await store.claimed()
        await store.journal.append(room, old.term, some(1, 2))
        claiming = asyncio.create_task(store.journal.claim(room))
        await asyncio.sleep(0)
        with pytest.raises(Fenced):  # from the moment of the claim, and not only of its answer
            await store.journal.append(room, old.term, some(3, 3))
        new = await claiming
        assert new.term > old.term and new.seq == 2
        await store.journal.append(room, new.term, some(3, 3))
        with pytest.raises(Fenced):
            await store.journal.append(room, old.term, some(4, 4))


async def test_a_claim_sees_all_that_was_appended_before_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        with stalled(store) as go_on:
            await asyncio.sleep(0.01)
            appended = store.journal.append(room, claim.term, some(1, 7))
            claiming = asyncio.create_task(store.journal.claim(room))
            await asyncio.sleep(0.02)
            assert not claiming.done()
            go_on()
            assert (await claiming).seq == 7
        await appended


async def test_rooms_can_be_claimed_and_read_while_the_disk_is_full(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 5))
        async with full(store):
            with pytest.raises(Refused, match="storage_full"):
                await store.journal.append(room, claim.term, some(6, 200))
            assert store.journal.refusal == "storage_full"
            assert (await store.journal.claim(room)).seq == 5
            assert await everything(store, room) == some(1, 5).lines


async def test_flushed_waits_for_everything_appended(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.flushed()
        for seq in range(1, 30):
            appended = store.journal.append(room, claim.term, some(seq, seq))
            if seq % 3:
                await asyncio.sleep(0)
        await store.journal.flushed()
        assert appended.done() and len(await everything(store, room)) == 29


# ---- no holes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [
    [event(4)], [event(2)], [event(3), event(5)], [event(3), event(3)],
])
async def test_lines_that_do_not_follow_are_not_taken(tmp_path: Path, lines: list[Line]) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 2))
        with pytest.raises(ValueError, match="do not follow line 2"):
            await store.journal.append(room, claim.term, Writing(lines))
        assert await everything(store, room) == some(1, 2).lines


async def test_what_was_built_on_a_failed_append_is_refused_until_the_room_is_claimed_again(
    tmp_path: Path, quick_probes: None
) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        other, others = await store.claimed("other")
        await store.journal.append(room, claim.term, some(1, 2))
        with stalled(store) as go_on:
            await asyncio.sleep(0.01)
            group = [store.journal.append(room, claim.term, some(3, 4)),
                     store.journal.append(other, others.term, some(1, 1))]
            store.database.add(Failing())
            go_on()
            await asyncio.sleep(0)
            later = store.journal.append(room, claim.term, some(5, 6))
            for refused in (*group, later):
                with pytest.raises(Refused, match="storage_unavailable"):
                    await refused
        await until(lambda: store.journal.refusal is None)
        with pytest.raises(Refused, match="storage_unavailable"):  # all is well again, but lines 3 to 6 are missing
            await store.journal.append(room, claim.term, some(7, 7))
        again = await store.journal.claim(room)
        assert again.seq == 2
        await store.journal.append(room, again.term, some(3, 5))
        assert await everything(store, room) == some(1, 5).lines
        assert await everything(store, other) == []


async def test_a_failed_commit_leaves_nothing_of_anybody(tmp_path: Path, quick_probes: None) -> None:
    card = Card("changed", "", False, False, False, None, None)
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, Writing([chat(1, "still here")]))
        with stalled(store):
            await asyncio.sleep(0.01)
            writing = Writing([deletion(2, of=1)], card, Checkpoint(2, b"changed", 2, resting=True))
            appended = store.journal.append(room, claim.term, writing)
            store.database.add(Failing())
        with pytest.raises(Refused):
            await appended
        assert await everything(store, room) == [chat(1, "still here")]
        again = await store.journal.claim(room)
        assert (again.frozen, again.floor) == (b"{}", 1)
        listed = await store.catalogue.find("room")
        assert listed is not None and listed.title == "A room"
        assert await store.catalogue.awake() == [(room, "room")]


async def test_an_append_is_written_though_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()

        async def append() -> None:
            await store.journal.append(room, claim.term, some(1, 3))

        task = asyncio.create_task(append())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        await store.journal.append(room, claim.term, some(4, 4))
        assert await everything(store, room) == some(1, 4).lines


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_fails_in_between_nothing_told_is_lost_and_nothing_has_a_hole(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch, quick_probes: None
) -> None:
    chance = random.Random(seed)
    real = writer.commit

    def sometimes(group: list[Job], db: sqlite3.Connection) -> int:
        if chance.random() < 0.2:
            fail(sqlite3.SQLITE_FULL)
        return real(group, db)

    async def live(store: Store, room: int, told: list[int]) -> None:
        """What an actor does: appends without waiting, and claims again after a refusal."""
        for _ in range(12):
            claim = await store.journal.claim(room)
            seq, flying = claim.seq, []
            for _ in range(chance.randrange(1, 12)):
                count = chance.randrange(1, 4)
                appended = store.journal.append(room, claim.term, some(seq + 1, seq + count))
                seq += count
                flying.append((seq, appended))
                await asyncio.sleep(chance.choice([0, 0, 0.001]))
            await asyncio.wait([appended for _, appended in flying])
            told += [seq for seq, appended in flying if appended.exception() is None]
            await until(lambda: store.journal.refusal is None)

    async with opened(tmp_path) as store:
        rooms = [await store.room(f"room-{n}") for n in range(6)]
        told: list[list[int]] = [[] for _ in rooms]
        with monkeypatch.context() as patch:
            patch.setattr(writer, "commit", sometimes)
            await asyncio.gather(*(live(store, room, heard) for room, heard in zip(rooms, told)))
        await until(lambda: store.journal.refusal is None)
        for room, heard in zip(rooms, told):
            head = (await store.journal.claim(room)).seq
            assert await everything(store, room) == some(1, head).lines
            assert heard == sorted(heard) and heard[-1] == head
    assert not store.fatal


# ---- deletion for good ----------------------------------------------------------------------------------------------


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_deleted_text_is_gone_from_every_file_once_its_deletion_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        store.journal.append(room, claim.term, Writing([chat(1, "unspeakable"), chat(2, "harmless")]))
        await store.journal.append(room, claim.term, Writing([], None, Checkpoint(2, b"{}", 1)))
        assert b"unspeakable" in on_disk(tmp_path)
        await store.journal.append(room, claim.term, Writing([deletion(3, of=1)]))
        assert b"unspeakable" not in on_disk(tmp_path) and b"harmless" in on_disk(tmp_path)
        line = await store.journal.line(room, 1)
        assert line is not None and json.loads(line.body) == {
            "type": "chat.message", "seq": 1, "id": 1, "user_id": 1, "created_at": "2026-11-22T16:30:00.123Z",
            "deleted": True}
        assert [line.seq for line in await store.journal.chat(room, None, 9)] == [1, 2]


async def test_a_text_deleted_in_the_commit_that_brought_it_is_gone_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, Writing([chat(1, "unspeakable"), deletion(2, of=1)]))
        assert b"unspeakable" not in on_disk(tmp_path)


async def test_deletions_that_wait_together_share_a_truncation_and_each_is_gone_when_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts: list[int] = []
    real = wal.cut
    monkeypatch.setattr(wal, "cut", lambda db: cuts.append(1) or real(db))  # type: ignore[func-returns-value]
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, Writing([chat(seq, f"unspeakable {seq}") for seq in range(1, 51)]))
        gone = [store.journal.append(room, claim.term, Writing([deletion(50 + seq, of=seq)])) for seq in range(1, 51)]
        await gone[-1]
        assert b"unspeakable" not in on_disk(tmp_path)
        assert len(cuts) < 5


async def test_somebody_reading_delays_the_end_of_a_text_and_does_not_prevent_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "MOMENT", 0.05)
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, Writing([chat(1, "unspeakable")]))
        reader = sqlite3.connect(tmp_path / "axenix.db", isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM chat").fetchone() == (1,)
        async with asyncio.timeout(2):
            await store.journal.append(room, claim.term, Writing([deletion(2, of=1)]))
        reader.close()
        await until(lambda: b"unspeakable" not in on_disk(tmp_path))


async def test_no_copies_are_left_where_pages_were_divided_or_merged(tmp_path: Path) -> None:
    """SQLite leaves copies behind when it moves rows, and secure_delete does not reach them: see schema.py."""
    chance = random.Random(1)
    kept: set[bytes] = set()
    async with opened(tmp_path) as store:
        rooms = [await store.claimed(f"room-{n}") for n in range(30)]
        texts: list[list[tuple[int, bytes]]] = [[] for _ in rooms]
        for turn in range(120):
            for n, (room, claim) in enumerate(rooms):
                mark, seq = f"unspeakable-{turn}-{n}-", 2 * turn + 1
                lines = [event(seq), chat(seq + 1, mark + "x" * chance.choice([5, 50, 200, 800, 3000]))]
                checkpoint = Checkpoint(seq + 1, b"{}", seq - 9) if turn % 40 == 39 else None
                store.journal.append(room, claim.term, Writing(lines, None, checkpoint))
                texts[n].append((seq + 1, mark.encode()))
            await store.journal.flushed()
        for room, _ in rooms[20:]:
            await store.catalogue.erase(room)
        for (room, claim), said in zip(rooms[:20], texts):
            gone = [seq for seq, _ in said if chance.random() < 0.5]
            kept |= {mark for seq, mark in said if seq not in gone}
            store.journal.append(room, claim.term, Writing([deletion(241 + n, of=seq) for n, seq in enumerate(gone)]))
        await until_swept(store)
    assert set(re.findall(rb"unspeakable-\d+-\d+-", on_disk(tmp_path))) == kept


# ---- retention ------------------------------------------------------------------------------------------------------


async def until_swept(store: Store) -> None:
    async with asyncio.timeout(20):
        while await store.sql("SELECT 1 FROM erased UNION ALL SELECT 1 FROM rooms WHERE purged < floor"):
            await asyncio.sleep(0.01)


async def test_retention_takes_events_and_leaves_chat_and_moderation(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, replace(some(1, 3000), checkpoint=Checkpoint(3000, b"{}", 2401)))
        await until_swept(store)
        left = {line.seq for line in await everything(store, room)}
        assert left == {seq for seq in range(1, 3001) if seq > 2400 or seq % 3}
        assert (await store.journal.claim(room))[1:3] == (3000, 2401)


async def test_the_floor_never_goes_down(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, replace(some(1, 9), checkpoint=Checkpoint(9, b"{}", 7)))
        await store.journal.append(room, claim.term, Writing([], None, Checkpoint(9, b"{}", 3)))
        assert (await store.journal.claim(room)).floor == 7


async def test_an_empty_history_still_has_its_head(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        lines = [event(seq) for seq in range(1, 11)]
        await store.journal.append(room, claim.term, Writing(lines, None, Checkpoint(10, b"{}", 11)))
        await until_swept(store)
        assert await everything(store, room) == []
        again = await store.journal.claim(room)
        assert (again.seq, again.floor) == (10, 11)
        await store.journal.append(room, again.term, Writing([event(11)]))


async def test_what_a_crash_interrupted_is_deleted_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        gone, other = await store.claimed("gone")
        with monkeypatch.context() as patch:
            patch.setattr(sweep.Sweeper, "wake", lambda self: None)
            store.journal.append(gone, other.term, some(1, 2000))
            await store.journal.append(room, claim.term, replace(some(1, 2000), checkpoint=Checkpoint(9, b"{}", 1900)))
            await store.catalogue.erase(gone)
        assert len(await everything(store, room)) == 2000
    async with opened(tmp_path) as store:
        await until_swept(store)
        assert len(await everything(store, room)) == 2000 - 1899 // 3
        assert await everything(store, gone) == []


@pytest.mark.parametrize("line", [chat, event])
async def test_what_is_still_on_its_way_when_a_room_goes_goes_with_it(
    tmp_path: Path, line: Callable[[int], Line],
) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        other, others = await store.claimed("other")
        await store.catalogue.erase(room)
        store.journal.append(room, claim.term, Writing([line(1)]))
        await store.journal.append(other, others.term, Writing([line(1)]))
        assert await store.sql("SELECT room FROM lines") == [(other,)]


async def test_others_are_not_kept_waiting_while_much_is_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        busy, other = await store.claimed("busy")
        await store.journal.append(room, claim.term, some(1, 20_000))
        await store.catalogue.erase(room)
        seq = 0
        while await store.sql("SELECT 1 FROM erased"):
            seq += 1
            await store.journal.append(busy, other.term, some(seq, seq))
        assert seq > 10


# ---- long histories -------------------------------------------------------------------------------------------------


async def long_room(store: Store, slug: str, count: int) -> int:
    room, claim = await store.claimed(slug)
    for first in range(1, count, 10_000):
        last = min(count, first + 9_999)
        checkpoint = Checkpoint(last - 500, b"x" * 50_000, 1) if last == count and count > 500 else None
        store.journal.append(room, claim.term, replace(some(first, last), checkpoint=checkpoint))
    await store.journal.flushed()
    return room


async def test_a_room_with_a_hundred_thousand_events_opens_in_a_tenth_of_a_second(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room = await long_room(store, "long", 100_000)
        took = []
        for _ in range(3):
            began = time.perf_counter()
            claim = await store.journal.claim(room)
            lines = await store.journal.after(room, claim.frozen_seq, limit=1000)
            took.append(time.perf_counter() - began)
            assert claim.seq == 100_000 == lines[-1].seq and len(lines) == 500
        assert min(took) < 0.1


async def test_a_page_costs_the_same_in_a_short_and_in_a_long_history(tmp_path: Path) -> None:
    """Counted in steps of SQLite's machine, which no busy computer can falsify."""
    async with opened(tmp_path) as store:
        short, claim = await store.claimed("short")
        long, claim_of_long = await store.claimed("long")
        await store.journal.append(short, claim.term, some(1, 60))
        await store.journal.append(long, claim_of_long.term, some(1, 60))  # and then nobody says a word for long
        quiet = [event(seq) for seq in range(61, 100_001)]
        await store.journal.append(long, claim_of_long.term, Writing(quiet))
        for statement in ("CHAT", "MODERATION", "LINES"):
            values = {"before": 1 << 60, "after": 20, "upto": 1 << 60, "limit": 10}
            costs = [await store.database.read(
                partial(steps, statement=getattr(journal_module, statement), values=values | {"room": room}),
            ) for room in (short, long)]
            assert max(costs) <= min(costs) + 20, f"{statement}: {costs}"


def steps(db: sqlite3.Connection, statement: str, values: dict[str, int]) -> int:
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    db.set_progress_handler(step, 1)
    try:
        assert len(db.execute(statement, values).fetchall()) == 10
    finally:
        db.set_progress_handler(None, 1)
    return count


async def test_reading_goes_on_while_a_commit_takes_for_ever(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, some(1, 5))
        with stalled(store):
            async with asyncio.timeout(2):
                assert await everything(store, room) == some(1, 5).lines
                assert threading.active_count() >= 3
