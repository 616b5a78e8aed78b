"""People: made, found and changed; and remembered, without ever remembering wrongly."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_kit import full, opened, stalled

from axenix.errors import Refused
from axenix.store import people as people_module
from axenix.store.people import People, Person

PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"


async def test_a_person_is_found_as_made(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        ann, bob = await store.people.create("Ann"), await store.people.create("Борис 😀", PEM)
        assert (ann, bob) == (Person(1, "Ann"), Person(2, "Борис 😀", None, PEM))
        assert await store.people.find(1) == ann and await store.people.find(3) is None
    async with opened(tmp_path) as store:
        assert [await store.people.find(number) for number in (1, 2, 3)] == [ann, bob, None]


async def test_only_what_is_named_changes(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.people.create("Ann")
        assert await store.people.update(1, public_key_pem=PEM) == Person(1, "Ann", None, PEM)
        assert await store.people.update(1, nickname="Anna") == Person(1, "Anna", None, PEM)
        changed = Person(1, "Anna", "/static/avatars/a.webp", None)
        assert await store.people.update(1, avatar_url="/static/avatars/a.webp", public_key_pem=None) == changed
        assert await store.people.update(1) == changed == await store.people.find(1)
    async with opened(tmp_path) as store:
        assert await store.people.find(1) == changed


async def test_nobody_cannot_be_changed(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        with pytest.raises(Refused, match="user_not_found"):
            await store.people.update(1, nickname="Ann")
        assert await store.people.find(1) is None and store.database.refusal is None


async def test_whoever_was_asked_for_is_found_without_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        ann = await store.people.create("Ann")
    assert await store.people.find(1) == ann
    with pytest.raises(Refused, match="storage_unavailable"):
        await store.people.find(2)


async def test_only_so_many_are_remembered_the_latest_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_module, "KEPT", 3)
    async with opened(tmp_path) as store:
        for n in range(1, 5):
            await store.people.create(f"guest {n}")
            await store.people.find(1)
    for number in (1, 3, 4):
        assert await store.people.find(number)
    with pytest.raises(Refused):
        await store.people.find(2)


async def test_a_change_is_seen_though_whoever_asked_for_it_has_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.people.create("Ann")
        with stalled(store):
            await asyncio.sleep(0.01)
            changing = asyncio.create_task(store.people.update(1, nickname="Anna"))
            await asyncio.sleep(0)
            changing.cancel()
            await asyncio.wait({changing})
        await store.people.create("Bob")
        found = await store.people.find(1)
        assert found is not None and found.nickname == "Anna"


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as store:
        await store.people.create("Ann")
        people, read, changed = People(store.database), store.database.read, asyncio.Event()

        async def slowly(work: Callable[[sqlite3.Connection], Any]) -> Any:
            found = await read(work)
            await changed.wait()
            return found

        monkeypatch.setattr(store.database, "read", slowly)
        finding = asyncio.create_task(people.find(1))
        await asyncio.sleep(0.02)
        await people.update(1, nickname="Anna")
        changed.set()
        await finding
        assert await people.find(1) == Person(1, "Anna")


async def test_a_refused_change_is_not_remembered(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        ann = await store.people.create("Ann")
        async with full(store):
            with pytest.raises(Refused, match="storage_full"):
                await store.people.update(1, public_key_pem="x" * 20_000)
            assert await store.people.find(1) == ann == await People(store.database).find(1)
