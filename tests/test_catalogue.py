"""The rooms there are: made once, found by slug and invite, listed, and gone when they are gone."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace
from store_kit import CARD, EPOCH, NOW, chat, full, opened, some
from test_journal import on_disk, until_swept

from axenix.errors import Fenced, Refused
from axenix.lines import Writing
from axenix.store.catalogue import Listed

KEY = "an-invite-key-of-some-length"


async def test_a_room_is_found_as_it_was_made(tmp_path: Path) -> None:
    card = replace(CARD, title="Комната", topic="topic", is_private=True, invite_key=KEY, cover_url="/static/covers/a")
    wanted = Listed(
        id=1, slug="room", created_by=1, created_at=NOW, epoch=EPOCH, title="Комната", topic="topic", is_private=True,
        is_locked=False, recording_active=False, cover_url="/static/covers/a", invite_key=KEY)
    async with opened(tmp_path) as store:
        assert await store.room(card=card, frozen=b"as founded") == 1
        assert await store.catalogue.find("room") == wanted == await store.catalogue.by_invite(KEY)
        claim = await store.journal.claim(1)
        assert (claim.seq, claim.floor, claim.frozen, claim.frozen_seq) == (0, 1, b"as founded", 0)
        assert await store.catalogue.find("Room") is None and await store.catalogue.find("roo") is None
    async with opened(tmp_path) as store:
        assert await store.catalogue.find("room") == wanted


async def test_two_at_the_same_time_do_not_get_the_same_slug(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.people.create("Owner")
        made = await asyncio.gather(*(store.room() for _ in range(5)), return_exceptions=True)
        assert [each for each in made if isinstance(each, int)] == [1]
        refusals = [each for each in made if isinstance(each, Refused)]
        assert [refused.reason for refused in refusals] == ["slug_taken"] * 4
        assert await store.sql("SELECT count(*) FROM snapshots") == [(1,)]


async def test_two_rooms_do_not_share_an_invite_key(tmp_path: Path) -> None:
    card = replace(CARD, invite_key=KEY)
    async with opened(tmp_path) as store:
        await store.room("one", card)
        with pytest.raises(Refused) as refused:
            await store.room("two", card)
        assert refused.value.reason == "bad_payload" and "invite_key" in refused.value.detail
        await store.room("three")
        await store.room("four")  # many may have none
        assert await store.catalogue.by_invite("") is None


async def test_a_new_invite_key_replaces_the_old_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room = await store.room(card=replace(CARD, invite_key=KEY))
        claim = await store.journal.claim(room)
        await store.journal.append(room, claim.term, Writing(some(1, 1).lines, replace(CARD, invite_key=KEY + "2")))
        assert await store.catalogue.by_invite(KEY) is None
        found = await store.catalogue.by_invite(KEY + "2")
        assert found is not None and found.id == room


async def test_only_an_existing_person_makes_a_room(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            await store.catalogue.create("room", 7, NOW, EPOCH, CARD, b"{}")
        assert await store.catalogue.find("room") is None and store.database.refusal is None


async def test_public_rooms_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for n in range(1, 13):
            await store.room(f"room-{n}", replace(CARD, is_private=n % 3 == 0))
        first = await store.catalogue.public(5)
        assert [room.slug for room in first] == ["room-11", "room-10", "room-8", "room-7", "room-5"]
        second = await store.catalogue.public(5, first[-1].id)
        assert [room.slug for room in second] == ["room-4", "room-2", "room-1"]
        assert await store.catalogue.public(5, second[-1].id) == []


async def test_rooms_are_counted_for_their_maker(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room = await store.room("one")
        await store.room("two")
        bob = await store.people.create("Bob")
        await store.catalogue.create("three", bob.id, NOW, EPOCH, CARD, b"{}")
        assert [await store.catalogue.count_of(person) for person in (1, bob.id, 99)] == [2, 1, 0]
        await store.catalogue.erase(room)
        assert await store.catalogue.count_of(1) == 1


async def test_an_erased_room_is_gone_at_once_and_its_texts_soon(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        other, others = await store.claimed("other")
        for first in range(1, 2000, 500):
            store.journal.append(other, others.term, some(first, first + 499, f"harmless-{first}"))
            await store.journal.append(room, claim.term, some(first, first + 499, f"unspeakable-{first}"))
        await store.catalogue.erase(room)
        assert await store.catalogue.find("room") is None
        with pytest.raises(Refused, match="room_not_found"):
            await store.journal.claim(room)
        await until_swept(store)
        for table in ("snapshots", "events", "chat"):
            assert await store.sql(f"SELECT count(*) FROM {table} WHERE room = ?", room) == [(0,)]
        assert len(await store.journal.after(other, 0, limit=9999)) == 2000
    left = on_disk(tmp_path)
    assert not re.search(rb"unspeakable", left) and len(re.findall(rb"harmless-\d+", left)) == 667


async def test_an_erased_room_leaves_nothing_in_the_log_either(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.journal.append(room, claim.term, Writing([chat(1, "unspeakable")]))
        await store.catalogue.erase(room)
        await until_swept(store)
        async with asyncio.timeout(5):
            while b"unspeakable" in on_disk(tmp_path):
                await asyncio.sleep(0.01)


async def test_what_is_written_of_an_erased_room_goes_nowhere(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room, claim = await store.claimed()
        await store.catalogue.erase(room)
        await until_swept(store)
        await store.journal.append(room, claim.term, some(1, 5))
        assert await store.journal.after(room, 0, limit=10) == []
        with pytest.raises(Refused, match="room_not_found"):
            await store.journal.claim(room)
        with pytest.raises(Fenced):
            await store.journal.append(room, claim.term, some(6, 6))


async def test_numbers_of_rooms_are_never_used_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        first = await store.room()
        await store.catalogue.erase(first)
        second = await store.room()
        assert second > first
        assert (await store.journal.claim(second)).seq == 0


async def test_what_is_not_there_cannot_be_erased(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        room = await store.room()
        await store.catalogue.erase(room)
        with pytest.raises(Refused, match="room_not_found"):
            await store.catalogue.erase(room)


async def test_on_a_full_disk_no_room_is_made_and_all_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.room()
        async with full(store):
            with pytest.raises(Refused, match="storage_full"):
                for n in range(1000):
                    await store.room(f"room-{n}", frozen=b"x" * 5000)
            assert await store.catalogue.find("room") and await store.catalogue.find("room-999") is None


async def test_finding_reads_no_more_for_many_rooms_than_for_few(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for query in ("WHERE slug = 'x'", "WHERE invite_hash = x'00'", "WHERE awake = 1",
                      "INDEXED BY rooms_public WHERE is_private = 0 AND id < 9 ORDER BY id DESC LIMIT 5",
                      "WHERE created_by = 1", "WHERE purged < floor LIMIT 1"):
            plan = await store.sql(f"EXPLAIN QUERY PLAN SELECT id, slug FROM rooms {query}")
            assert " USING " in plan[0][3] and "INDEX" in plan[0][3], (query, plan)
