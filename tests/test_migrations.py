"""Older databases: each version's file, as that version left it, opens and goes on.

golden/version-N.db.gz was written by the code of that version, and is never made again by a newer one.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from store_kit import opened, some

from axenix.store import schema
from axenix.store.folder import DATABASE
from axenix.store.people import Person

GOLDEN = Path(__file__).parent / "golden"
PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"

RELEASED = ["e1e47c00"]
"""How the SHA-256 of each released script begins: a database that has run it would never get what is changed later."""


def unpacked(version: int, folder: Path) -> None:
    packed = (GOLDEN / f"version-{version}.db.gz").read_bytes()
    (folder / DATABASE).write_bytes(gzip.decompress(packed))


def test_a_released_migration_never_changes() -> None:
    digests = [hashlib.sha256(script.encode()).hexdigest()[:8] for script in schema.MIGRATIONS]
    assert digests[:len(RELEASED)] == RELEASED


async def test_people_of_version_1_have_no_device_key_and_can_get_one(tmp_path: Path) -> None:
    unpacked(1, tmp_path)
    ann, boris = Person(1, "Ann"), Person(2, "Борис 😀", None, PEM)
    async with opened(tmp_path) as store:
        assert await store.sql("PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
        assert [await store.people.find(number) for number in (1, 2, 3)] == [ann, boris, None]
        changed = Person(2, "Борис 😀", None, PEM, "a key")
        assert await store.people.update(2, device_key="a key") == changed
        assert (await store.people.create("Cleo")).id == 3
    async with opened(tmp_path) as store:
        assert [await store.people.find(number) for number in (1, 2)] == [ann, changed]


async def test_rooms_of_version_1_go_on_where_they_were(tmp_path: Path) -> None:
    unpacked(1, tmp_path)
    async with opened(tmp_path) as store:
        claim = await store.journal.claim(1)
        assert claim.seq == 5 and (await store.catalogue.find("room")) is not None
        assert [line.seq for line in await store.journal.after(1, 0, limit=10)] == [1, 2, 3, 4, 5]
        await store.journal.append(1, claim.term, some(6, 8))
    async with opened(tmp_path) as store:
        assert (await store.journal.claim(1)).seq == 8


async def test_a_new_database_is_the_same_as_a_migrated_one(tmp_path: Path) -> None:
    async def columns(folder: Path) -> list[tuple[object, ...]]:
        async with opened(folder) as store:
            return await store.sql("SELECT m.name, c.* FROM sqlite_schema m, pragma_table_info(m.name) c ORDER BY 1, 2")

    (tmp_path / "old").mkdir()
    unpacked(1, tmp_path / "old")
    assert await columns(tmp_path / "old") == await columns(tmp_path / "new")
