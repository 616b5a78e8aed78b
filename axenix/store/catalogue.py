"""Which rooms there are, and what the list shows of each: the card that the journal keeps up to date.

Knows rows; whether somebody may see a room or make one is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from typing import Any

from axenix.errors import Refused
from axenix.lines import Card
from axenix.store.database import Database


class Listed(Card, frozen=True, kw_only=True):
    """A room as it is listed."""

    id: int
    slug: str
    created_by: int
    created_at: str
    epoch: str


SELECT = """
SELECT id, slug, created_by, created_at, epoch,
    title, topic, is_private, is_locked, recording_active, cover_url, invite_key FROM rooms
"""
INSERT = """
INSERT INTO rooms (title, topic, is_private, is_locked, recording_active, cover_url, invite_key, invite_hash,
    slug, created_by, created_at, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
CARD = """
UPDATE rooms SET title = ?, topic = ?, is_private = ?, is_locked = ?, recording_active = ?, cover_url = ?,
    invite_key = ?, invite_hash = ? WHERE id = ?
"""


def card_values(card: Card) -> tuple[Any, ...]:
    """As `CARD` wants them."""
    return (
        card.title, card.topic, card.is_private, card.is_locked, card.recording_active, card.cover_url,
        card.invite_key, card.invite_key and hash_of(card.invite_key),
    )


def hash_of(invite_key: str) -> bytes:
    """Keys are looked up by their hash: how long that takes tells nothing of how near a guess was."""
    return hashlib.sha256(invite_key.encode()).digest()


def listed(row: tuple[Any, ...]) -> Listed:
    number, slug, created_by, created_at, epoch, title, topic, is_private, is_locked, recording, cover_url, key = row
    return Listed(
        id=number, slug=slug, created_by=created_by, created_at=created_at, epoch=epoch, title=title, topic=topic,
        is_private=bool(is_private), is_locked=bool(is_locked), recording_active=bool(recording),
        cover_url=cover_url, invite_key=key,
    )


def select(rest: str, *values: object) -> Callable[[sqlite3.Connection], list[Listed]]:
    return lambda db: [listed(row) for row in db.execute(SELECT + rest, values).fetchall()]


class Catalogue:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, slug: str, created_by: int, created_at: str, epoch: str, card: Card, frozen: bytes,
    ) -> int:
        """A room with its first snapshot, as it is before its first event; answers with its number."""
        def work(db: sqlite3.Connection) -> int:
            try:
                room = db.execute(INSERT, (*card_values(card), slug, created_by, created_at, epoch)).lastrowid
            except sqlite3.IntegrityError as error:
                raise taken(error) or error from None
            db.execute("INSERT INTO snapshots (room, seq, frozen) VALUES (?, 0, ?)", (room, frozen))
            assert room is not None
            return room
        return await self._database.write(work)

    async def find(self, slug: str) -> Listed | None:
        return await self._one("WHERE slug = ?", slug)

    async def by_invite(self, key: str) -> Listed | None:
        return await self._one("WHERE invite_hash = ?", hash_of(key))

    async def _one(self, where: str, value: object) -> Listed | None:
        found = await self._database.read(select(where, value))
        return found[0] if found else None

    async def public(self, limit: int, before_id: int | None = None) -> list[Listed]:
        """The newest first, of those made before `before_id`."""
        before = "AND id < ?" if before_id is not None else "AND ? IS NULL"
        rest = f"INDEXED BY rooms_public WHERE is_private = 0 {before} ORDER BY id DESC LIMIT ?"
        return await self._database.read(select(rest, before_id, limit))

    async def count_of(self, user_id: int) -> int:
        """How many rooms this user has made and not deleted."""
        count: int = await self._database.read(
            lambda db: db.execute("SELECT count(*) FROM rooms WHERE created_by = ?", (user_id,)).fetchone()[0])
        return count

    async def count(self) -> int:
        """How many rooms there are."""
        count: int = await self._database.read(lambda db: db.execute("SELECT count(*) FROM rooms").fetchone()[0])
        return count

    async def awake(self) -> list[tuple[int, str]]:
        """Number and slug of the rooms in which something has happened since they last went to sleep."""
        return await self._database.read(
            lambda db: db.execute("SELECT id, slug FROM rooms WHERE awake = 1 ORDER BY id").fetchall())

    async def covers(self) -> set[str]:
        """The addresses of all covers there are."""
        return await self._database.read(lambda db: {url for url, in db.execute(
            "SELECT cover_url FROM rooms WHERE cover_url IS NOT NULL").fetchall()})

    async def erase(self, room: int) -> None:
        """The room is gone when this returns; its history follows in small steps. Raises Refused("room_not_found")."""
        def work(db: sqlite3.Connection) -> None:
            if not db.execute("DELETE FROM rooms WHERE id = ?", (room,)).rowcount:
                raise Refused("room_not_found")
            db.execute("DELETE FROM snapshots WHERE room = ?", (room,))
            db.execute("INSERT INTO erased (room) VALUES (?)", (room,))
        await self._database.write(work)
        self._database.sweeper.wake()


def taken(error: sqlite3.IntegrityError) -> Refused | None:
    """Which of the names somebody else has."""
    if "rooms.slug" in str(error):
        return Refused("slug_taken")
    if "rooms.invite_hash" in str(error):
        return Refused("bad_payload", "`invite_key`: choose another.")
    return None
